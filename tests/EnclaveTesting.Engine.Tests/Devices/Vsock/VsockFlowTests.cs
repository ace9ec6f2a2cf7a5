using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Tests.Devices.Virtio;

namespace EnclaveTesting.Engine.Tests.Devices.Vsock;

/// <summary>Credit in both directions, back-pressure, and how much is held.</summary>
public sealed class VsockFlowTests
{
    private const int Window = 256 * 1024;

    [Fact]
    public async Task The_guest_is_told_of_credit_when_half_a_window_was_read()
    {
        using var guest = new VsockGuest();
        (GuestSocket socket, VsockStream stream) = await guest.OpenFromHostAsync();
        for (int i = 0; i < 4; i++)
            socket.Send(new byte[Window / 4]);
        guest.ShouldBeQuiet();
        await VsockProtocolTests.ReadAsync(stream, (Window / 2) - 1);
        guest.ShouldBeQuiet();
        await VsockProtocolTests.ReadAsync(stream, 1);
        (await socket.ExpectAsync(VsockOperation.CreditUpdate)).Header.ForwardCount.Should().Be(Window / 2);
        socket.Credit.Should().Be(Window / 2);
        guest.ShouldBeQuiet();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(1000)]
    public async Task The_receive_window_of_a_port_is_honoured(int window)
    {
        using var guest = new VsockGuest();
        using VsockListener listener = guest.Host.Listen(9000, new VsockListenOptions { ReceiveWindow = window });
        (GuestSocket socket, VsockStream stream) = await guest.OpenFromGuestAsync(listener);
        socket.HostWindow.Should().Be((uint)window);
        byte[] data = VsockProtocolTests.Bytes(window * 5);
        for (int i = 0; i < 5; i++)
        {
            while (socket.Credit < window)
                await socket.ExpectAsync(VsockOperation.CreditUpdate);
            socket.Send(data.AsSpan(i * window, window));
            guest.ShouldBeQuiet();
            (await VsockProtocolTests.ReadAsync(stream, window)).Should().Equal(data.AsSpan(i * window, window).ToArray());
        }

        await socket.ExpectAsync(VsockOperation.CreditUpdate);
        guest.ShouldBeQuiet();
        socket.Send(data.AsSpan(0, window));
        socket.Send(data.AsSpan(0, 1));
        await socket.ExpectAsync(VsockOperation.Reset);
        (await VsockProtocolTests.ReadAsync(stream, window)).Should().Equal(data.AsSpan(0, window).ToArray(), "what was allowed is readable");
        (await stream.Invoking(s => s.ReadAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.ProtocolViolation);
    }

    [Fact]
    public async Task A_single_packet_beyond_the_window_is_reset()
    {
        using var guest = new VsockGuest();
        using VsockListener listener = guest.Host.Listen(9000, new VsockListenOptions { ReceiveWindow = 1000 });
        (GuestSocket socket, _) = await guest.OpenFromGuestAsync(listener);
        socket.Send(new byte[1001]);
        await socket.ExpectAsync(VsockOperation.Reset);
    }

    [Fact]
    public async Task A_request_for_credit_is_answered()
    {
        using var guest = new VsockGuest();
        (GuestSocket socket, VsockStream stream) = await guest.OpenFromHostAsync();
        socket.Send(new byte[100]);
        await VsockProtocolTests.ReadAsync(stream, 60);
        socket.Send(VsockOperation.CreditRequest);
        (await socket.ExpectAsync(VsockOperation.CreditUpdate)).Header.ForwardCount.Should().Be(60);
        guest.ShouldBeQuiet();
    }

    [Fact]
    public async Task Empty_packets_are_no_end_and_use_no_credit()
    {
        using var guest = new VsockGuest();
        (GuestSocket socket, VsockStream stream) = await guest.OpenFromHostAsync();
        for (int i = 0; i < 1000; i++)
            socket.Send([]);
        Task<int> reading = stream.ReadAsync(new byte[10]).AsTask();
        guest.ShouldBeQuiet();
        reading.IsCompleted.Should().BeFalse();
        socket.Send(new byte[3]);
        (await reading).Should().Be(3);
    }

    [Fact]
    public async Task The_hosts_writer_waits_for_the_guests_credit()
    {
        using var guest = new VsockGuest(receiveBuffers: 200);
        (GuestSocket socket, VsockStream stream) = await guest.OpenFromHostAsync(window: 64 * 1024);
        byte[] data = VsockProtocolTests.Bytes(2 << 20);
        Task writing = stream.WriteAsync(data).AsTask();
        List<VsockPacket> packets = await UntilQuietAsync(guest, socket, VsockOperation.CreditRequest);

        packets.Sum(packet => packet.Data.Length).Should().Be(64 * 1024);
        packets.Count(packet => packet.Operation == VsockOperation.CreditRequest).Should().Be(1, "it is asked for once");
        writing.IsCompleted.Should().BeFalse();

        socket.Forward = 1000;
        socket.Send(VsockOperation.CreditUpdate);
        packets.AddRange(await UntilQuietAsync(guest, socket, VsockOperation.CreditRequest));
        packets.Sum(packet => packet.Data.Length).Should().Be((64 * 1024) + 1000);
        writing.IsCompleted.Should().BeFalse();

        socket.Forward = socket.Received;
        socket.Send(VsockOperation.CreditUpdate);
        byte[] rest = await socket.ReadAsync(data.Length - (int)socket.Received);
        packets.SelectMany(packet => packet.Data).Concat(rest).Should().Equal(data);
        await writing;
    }

    [Fact]
    public async Task The_hosts_writer_waits_for_the_guests_buffers()
    {
        using var guest = new VsockGuest(receiveBuffers: 0);
        Task<VsockStream> connecting = guest.Host.ConnectAsync(5000);
        await guest.WaitForHostAsync();
        guest.GiveReceiveBuffers(1);
        VsockPacket request = await guest.ReceiveAsync();
        GuestSocket socket = guest.Socket(5000, request.Header.SourcePort);
        socket.Window = 16 << 20;
        socket.Send(VsockOperation.Response);
        using VsockStream stream = await connecting;
        byte[] data = VsockProtocolTests.Bytes(1 << 20);
        Task writing = stream.WriteAsync(data).AsTask();

        var received = new List<byte>();
        while (received.Count < data.Length)
        {
            guest.ReceiveAll().Should().BeEmpty();
            guest.GiveReceiveBuffers(1);
            VsockPacket packet = await guest.ReceiveAsync();
            packet.Operation.Should().Be(VsockOperation.ReadWrite);
            received.AddRange(packet.Data);
            writing.IsCompleted.Should().Be(writing.IsCompleted && received.Count >= data.Length - Window - 4096);
        }

        received.Should().Equal(data);
        await writing;
    }

    [Fact]
    public async Task A_guest_that_contradicts_itself_gets_nothing()
    {
        using var guest = new VsockGuest();
        (GuestSocket socket, VsockStream stream) = await guest.OpenFromHostAsync(window: 1000);
        // It claims to have taken more than was sent: by the arithmetic of 32 bits nearly 4 GiB are on their way.
        socket.Forward = 1;
        socket.Send(VsockOperation.CreditUpdate);
        await stream.WriteAsync(new byte[10]);
        await socket.ExpectAsync(VsockOperation.CreditRequest);
        guest.ShouldBeQuiet();
        socket.Forward = 0;
        socket.Send(VsockOperation.CreditUpdate);
        (await socket.ReadAsync(10)).Should().HaveCount(10);
    }

    [Fact]
    public void Counters_wrap()
    {
        var state = new VsockConnectionState(new VsockKey(3, 1, 2)) { Sent = 100, PeerForward = uint.MaxValue - 99, PeerWindow = 500 };
        state.Credit.Should().Be(300);
    }

    [Fact]
    public async Task Answers_to_strangers_are_bounded_by_the_guests_buffers()
    {
        using var guest = new VsockGuest(receiveBuffers: 0);
        int sent = 0;
        while (guest.TrySend(guest.Socket((uint)(1000 + sent), 9000).Header(VsockOperation.Request)))
            sent++.Should().BeLessThan(1000);
        sent.Should().BeGreaterThan(64, "a bounded number of answers is held").And.BeLessThan(200);

        var answered = new List<uint>();
        while (answered.Count < sent)
        {
            guest.GiveReceiveBuffers(1);
            VsockPacket packet = await guest.ReceiveAsync();
            packet.Operation.Should().Be(VsockOperation.Reset);
            answered.Add(packet.Header.DestinationPort);
        }

        answered.Should().Equal(Enumerable.Range(1000, sent).Select(port => (uint)port));
        guest.TrySend(guest.Socket(1, 9000).Header(VsockOperation.Request)).Should().BeTrue();
    }

    [Fact]
    public async Task Buffers_with_room_for_a_header_only_make_no_progress_and_no_hang()
    {
        using var guest = new VsockGuest(receiveBuffers: 8, receiveBufferSize: VsockHeader.Size);
        (GuestSocket socket, VsockStream stream) = await guest.OpenFromHostAsync();
        await stream.WriteAsync(new byte[10]);
        for (int i = 0; i < 100; i++)
            (await socket.ReceiveAsync()).Data.Should().BeEmpty();
        await stream.DisposeAsync();
    }

    [Fact]
    public async Task Both_directions_at_once_with_suppressed_notifications()
    {
        const int length = 4 << 20;
        using var guest = new VsockGuest(features: VirtioDriver.EventIndex | VirtioDriver.IndirectDescriptors);
        (GuestSocket socket, VsockStream stream) = await guest.OpenFromHostAsync(window: 64 * 1024);
        byte[] down = VsockProtocolTests.Bytes(length, 1), up = VsockProtocolTests.Bytes(length, 2);
        Task writing = stream.WriteAsync(down).AsTask();
        Task<byte[]> reading = VsockProtocolTests.ReadAsync(stream, length);
        var received = new List<byte>(length);
        int sent = 0;
        while (received.Count < length || sent < length)
        {
            int part = (int)Math.Min(Math.Min(socket.Credit, 30_000), length - sent);
            if (part > 0)
            {
                socket.Send(up.AsSpan(sent, part));
                sent += part;
                if (!guest.TryReceive(out VsockPacket? other))
                    continue;
                Take(other);
            }
            else
            {
                Take(await guest.ReceiveAsync());
            }
        }

        await writing;
        (await reading).Should().Equal(up);
        received.Should().Equal(down);
        guest.Driver.Faults.Should().BeEmpty();

        void Take(VsockPacket packet)
        {
            socket.Note(packet);
            received.AddRange(packet.Data);
            socket.Forward += (uint)packet.Data.Length;
            if (packet.Data.Length > 0 || packet.Operation == VsockOperation.CreditRequest)
                socket.Send(VsockOperation.CreditUpdate);
        }
    }

    [Fact]
    public async Task Two_thousand_connections_live_side_by_side()
    {
        const int count = 2000;
        using var guest = new VsockGuest();
        using VsockListener listener = guest.Host.Listen(9000, new VsockListenOptions { Backlog = count });
        var sockets = new Dictionary<uint, GuestSocket>();
        for (uint port = 1; port <= count; port++)
        {
            sockets[port] = guest.Socket(port, 9000);
            sockets[port].Send(VsockOperation.Request);
            await sockets[port].ExpectAsync(VsockOperation.Response);
        }

        var streams = new Dictionary<uint, VsockStream>();
        for (int i = 0; i < count; i++)
        {
            VsockStream stream = await listener.AcceptAsync();
            streams[stream.GuestPort] = stream;
        }

        guest.Host.ConnectionCount.Should().Be(count);
        foreach ((uint port, VsockStream stream) in streams)
            await stream.WriteAsync(BitConverter.GetBytes(port));
        for (int i = 0; i < count; i++)
        {
            VsockPacket packet = await guest.ReceiveAsync();
            sockets[packet.Header.DestinationPort].Note(packet);
            BitConverter.ToUInt32(packet.Data).Should().Be(packet.Header.DestinationPort);
            sockets[packet.Header.DestinationPort].Send(packet.Data);
        }

        foreach ((uint port, VsockStream stream) in streams)
            BitConverter.ToUInt32(await VsockProtocolTests.ReadAsync(stream, 4)).Should().Be(port);
        foreach (VsockStream stream in streams.Values)
            await stream.DisposeAsync();
        for (int i = 0; i < count; i++)
        {
            VsockPacket packet = await guest.ReceiveAsync();
            packet.Operation.Should().Be(VsockOperation.Shutdown);
            sockets[packet.Header.DestinationPort].Send(VsockOperation.Reset);
        }

        guest.Host.ConnectionCount.Should().Be(0);
        guest.ShouldBeQuiet();
    }

    private static async Task<List<VsockPacket>> UntilQuietAsync(VsockGuest guest, GuestSocket socket, VsockOperation last)
    {
        var packets = new List<VsockPacket>();
        do
            packets.Add(await socket.ReceiveAsync());
        while (packets[^1].Operation != last);
        guest.ShouldBeQuiet();
        return packets;
    }
}
