using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Engine.Tests.Devices.Vsock;

/// <summary>The vsock protocol (virtio 1.2, section 5.10.6) between a guest's driver and the host's streams.</summary>
public sealed class VsockProtocolTests : IDisposable
{
    private const uint Receive = VsockHeader.ShutdownReceive, Send = VsockHeader.ShutdownSend;

    private readonly VsockGuest _guest = new();

    public void Dispose() => _guest.Dispose();

    [Theory]
    [InlineData(3UL)]
    [InlineData(2UL)]
    public async Task The_guest_connects_and_both_talk(ulong cid)
    {
        using VsockListener listener = _guest.Host.Listen(9000);
        GuestSocket socket = _guest.Socket(1024, 9000);
        socket.HostCid = cid;
        socket.Send(VsockOperation.Request);
        VsockPacket response = await socket.ExpectAsync(VsockOperation.Response);
        response.Header.BufferAllocation.Should().Be(256 * 1024);
        await using VsockStream stream = await listener.AcceptAsync();
        (stream.HostPort, stream.GuestPort, stream.HostCid).Should().Be((9000u, 1024u, new Cid((uint)cid)));

        socket.Send("ping"u8);
        (await ReadAsync(stream, 4)).Should().Equal("ping"u8.ToArray());
        await stream.WriteAsync("pong!"u8.ToArray());
        (await socket.ReadAsync(5)).Should().Equal("pong!"u8.ToArray());
        _guest.Host.ConnectionCount.Should().Be(1);
    }

    [Fact]
    public async Task The_host_connects_and_both_talk()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync(5000);
        socket.HostPort.Should().BeGreaterThan(1023);
        await stream.WriteAsync("ping"u8.ToArray());
        (await socket.ReadAsync(4)).Should().Equal("ping"u8.ToArray());
        socket.Send("pong"u8);
        (await ReadAsync(stream, 4)).Should().Equal("pong"u8.ToArray());
        stream.GuestPort.Should().Be(5000);
    }

    [Fact]
    public async Task A_port_of_the_guest_that_nobody_listens_on_refuses()
    {
        Task<VsockStream> connecting = _guest.Host.ConnectAsync(5000);
        VsockPacket request = await _guest.ReceiveAsync();
        GuestSocket socket = _guest.Socket(5000, request.Header.SourcePort);
        socket.Send(VsockOperation.Reset);

        (await connecting.Invoking(task => task).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.ConnectionRefused);
        _guest.Host.ConnectionCount.Should().Be(0);
        _guest.ShouldBeQuiet();
    }

    [Fact]
    public async Task A_port_of_the_host_that_nobody_listens_on_refuses()
    {
        GuestSocket socket = _guest.Socket(1024, 9000);
        socket.Send(VsockOperation.Request);
        await socket.ExpectAsync(VsockOperation.Reset);
        _guest.Host.ConnectionCount.Should().Be(0);
    }

    [Fact]
    public async Task A_full_backlog_refuses()
    {
        using VsockListener listener = _guest.Host.Listen(9000, new VsockListenOptions { Backlog = 2 });
        foreach ((uint port, VsockOperation answer) in new[] { (1u, VsockOperation.Response), (2u, VsockOperation.Response), (3u, VsockOperation.Reset) })
        {
            GuestSocket socket = _guest.Socket(port, 9000);
            socket.Send(VsockOperation.Request);
            await socket.ExpectAsync(answer);
        }

        (await listener.AcceptAsync()).GuestPort.Should().Be(1);
        await _guest.OpenFromGuestAsync(listener, 4);
    }

    [Theory]
    [InlineData(VsockOperation.Invalid)]
    [InlineData(VsockOperation.Response)]
    [InlineData(VsockOperation.Shutdown)]
    [InlineData(VsockOperation.ReadWrite)]
    [InlineData(VsockOperation.CreditUpdate)]
    [InlineData(VsockOperation.CreditRequest)]
    [InlineData((VsockOperation)99)]
    public async Task Packets_of_no_connection_are_reset(object operation)
    {
        GuestSocket socket = _guest.Socket(1024, 9000);
        socket.Send((VsockOperation)operation);
        await socket.ExpectAsync(VsockOperation.Reset);
    }

    [Fact]
    public void A_reset_is_never_answered()
    {
        _guest.Socket(1024, 9000).Send(VsockOperation.Reset);
        _guest.ShouldBeQuiet();
    }

    [Fact]
    public async Task Other_hosts_and_other_types_are_reset_and_forged_senders_ignored()
    {
        using VsockListener listener = _guest.Host.Listen(9000);
        GuestSocket socket = _guest.Socket(1024, 9000);
        VsockHeader request = socket.Header(VsockOperation.Request);

        foreach (ulong cid in new[] { 0UL, 1UL, 4UL, 16UL, 0x1_0000_0003UL, ulong.MaxValue })
        {
            _guest.Send(request with { DestinationCid = cid });
            VsockPacket reset = await _guest.ReceiveAsync();
            (reset.Operation, reset.Header.SourceCid, reset.Header.SourcePort, reset.Header.DestinationPort).Should().Be((VsockOperation.Reset, cid, 9000u, 1024u));
        }

        _guest.Send(request with { Type = 2 });
        VsockPacket other = await _guest.ReceiveAsync();
        (other.Operation, other.Header.Type).Should().Be((VsockOperation.Reset, (ushort)2));

        _guest.Send(request with { SourceCid = 17 });
        _guest.Send(request with { SourceCid = 0x1_0000_0010 });
        _guest.ShouldBeQuiet();
        _guest.Host.ConnectionCount.Should().Be(0);
    }

    [Fact]
    public async Task The_guest_closes_in_two_halves()
    {
        using VsockListener listener = _guest.Host.Listen(9000);
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromGuestAsync(listener);
        socket.Send("last words"u8);
        socket.Send(VsockOperation.Shutdown, Send);
        (await ReadToEndAsync(stream)).Should().Equal("last words"u8.ToArray());

        await stream.WriteAsync("answer"u8.ToArray());
        (await socket.ReadAsync(6)).Should().Equal("answer"u8.ToArray());
        socket.Send(VsockOperation.Shutdown, Receive);
        await socket.ExpectAsync(VsockOperation.Reset);

        _guest.Host.ConnectionCount.Should().Be(0);
        (await stream.ReadAsync(new byte[1])).Should().Be(0);
        (await stream.Invoking(s => s.WriteAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.BrokenPipe);
        await stream.DisposeAsync();
        _guest.ShouldBeQuiet();
    }

    [Fact]
    public async Task The_guest_closes_at_once()
    {
        using VsockListener listener = _guest.Host.Listen(9000);
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromGuestAsync(listener);
        socket.Send("bye"u8);
        await socket.CloseAsync();

        (await ReadToEndAsync(stream)).Should().Equal("bye"u8.ToArray());
        (await stream.Invoking(s => s.WriteAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.BrokenPipe);
        _guest.Host.ConnectionCount.Should().Be(0);
    }

    [Fact]
    public async Task A_guest_that_receives_no_more_breaks_the_pipe_but_may_send()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync();
        socket.Send(VsockOperation.Shutdown, Receive);
        (await stream.Invoking(s => s.WriteAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.BrokenPipe);
        socket.Send("still here"u8);
        (await ReadAsync(stream, 10)).Should().Equal("still here"u8.ToArray());
        await stream.DisposeAsync();
        (await socket.ExpectAsync(VsockOperation.Shutdown)).Flags.Should().Be(Send | Receive);
    }

    [Fact]
    public async Task The_host_ends_writing_after_its_last_byte_and_goes_on_reading()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync();
        await stream.WriteAsync("request"u8.ToArray());
        stream.CompleteWriting();
        (await socket.ReadAsync(7)).Should().Equal("request"u8.ToArray());
        (await socket.ExpectAsync(VsockOperation.Shutdown)).Flags.Should().Be(Send);
        await stream.Invoking(s => s.WriteAsync(new byte[1]).AsTask()).Should().ThrowAsync<InvalidOperationException>();

        socket.Send("reply"u8);
        (await ReadAsync(stream, 5)).Should().Equal("reply"u8.ToArray());
        await stream.DisposeAsync();
        (await socket.ExpectAsync(VsockOperation.Shutdown)).Flags.Should().Be(Send | Receive);
        socket.Send(VsockOperation.Reset);
        _guest.ShouldBeQuiet();
        _guest.Host.ConnectionCount.Should().Be(0);
    }

    [Fact]
    public async Task Disposing_sends_what_was_written_and_closes()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync(window: 1000);
        byte[] data = Bytes(10_000);
        await stream.WriteAsync(data);
        await stream.DisposeAsync();
        // The guest sends meanwhile, more than the window: it must get the rest all the same, and needs no reset.
        for (int i = 0; i < 100; i++)
            socket.Send(new byte[1000]);
        (await socket.ReadAsync(1000)).Should().Equal(data[..1000]);
        for (int i = 0; i < 200; i++)
            socket.Send(new byte[1000]);
        (await socket.ReadAsync(9000)).Should().Equal(data[1000..]);
        VsockPacket last = await socket.ReceiveAsync();
        while (last.Operation == VsockOperation.CreditUpdate)
            last = await socket.ReceiveAsync();
        (last.Operation, last.Flags).Should().Be((VsockOperation.Shutdown, Send | Receive));
        _guest.Host.ConnectionCount.Should().Be(1);

        // Packets that cross the shutdown are dropped, up to the window.
        socket.Send(new byte[1000]);
        _guest.ShouldBeQuiet();
        await socket.CloseAsync();
        _guest.Host.ConnectionCount.Should().Be(0);
    }

    [Fact]
    public async Task Disposing_with_a_full_window_unread_lets_the_guest_go_on()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync(window: 100);
        await stream.WriteAsync(Bytes(200));
        for (int i = 0; i < 4; i++)
            socket.Send(new byte[64 * 1024]);
        socket.Credit.Should().Be(0);
        (await socket.ReadAsync(100)).Should().HaveCount(100);
        // A guest that reads on only when it can send again.
        await stream.DisposeAsync();
        while (socket.Credit == 0)
            await socket.ReceiveAsync();
        socket.Credit.Should().Be(256 * 1024);
    }

    [Fact]
    public async Task A_guest_that_ignores_the_end_is_reset_when_its_credit_is_used_up()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync();
        await stream.DisposeAsync();
        await socket.ExpectAsync(VsockOperation.Shutdown);
        for (int i = 0; i < 4; i++)
            socket.Send(new byte[64 * 1024]);
        socket.Send(VsockOperation.CreditRequest);
        await socket.ExpectAsync(VsockOperation.CreditUpdate);
        socket.Credit.Should().Be(0);
        socket.Send(new byte[1]);
        await socket.ExpectAsync(VsockOperation.Reset);
        _guest.Host.ConnectionCount.Should().Be(0);
    }

    [Fact]
    public async Task A_reset_by_the_guest_is_an_error_after_what_was_sent()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync();
        socket.Send("half a rep"u8);
        socket.Send(VsockOperation.Reset);
        (await ReadAsync(stream, 10)).Should().Equal("half a rep"u8.ToArray());
        (await stream.Invoking(s => s.ReadAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.ConnectionReset);
        (await stream.Invoking(s => s.WriteAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.ConnectionReset);
        await stream.DisposeAsync();
        _guest.ShouldBeQuiet();
    }

    [Fact]
    public async Task A_reset_after_the_guest_has_sent_everything_does_not_spoil_it()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync();
        socket.Send("whole"u8);
        socket.Send(VsockOperation.Shutdown, Send);
        socket.Send(VsockOperation.Reset);
        (await ReadToEndAsync(stream)).Should().Equal("whole"u8.ToArray());
        (await stream.Invoking(s => s.WriteAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.ConnectionReset);
    }

    [Theory]
    [InlineData(VsockOperation.Response)]
    [InlineData(VsockOperation.Invalid)]
    [InlineData((VsockOperation)8)]
    public async Task Packets_out_of_turn_reset_an_open_connection(object operation)
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync();
        socket.Send((VsockOperation)operation);
        await socket.ExpectAsync(VsockOperation.Reset);
        (await stream.Invoking(s => s.ReadAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.ConnectionReset);
        _guest.Host.ConnectionCount.Should().Be(0);
    }

    [Fact]
    public async Task Data_after_the_end_of_data_resets()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync();
        socket.Send(VsockOperation.Shutdown, Send);
        socket.Send("more"u8);
        await socket.ExpectAsync(VsockOperation.Reset);
        (await stream.ReadAsync(new byte[1])).Should().Be(0);
    }

    [Theory]
    [InlineData(VsockOperation.ReadWrite)]
    [InlineData(VsockOperation.Shutdown)]
    public async Task A_guest_that_does_not_wait_for_the_response_is_reset(object operation)
    {
        using VsockListener listener = _guest.Host.Listen(9000, new VsockListenOptions { DeferAccept = true });
        GuestSocket socket = _guest.Socket(1024, 9000);
        socket.Send(VsockOperation.Request);
        _guest.ShouldBeQuiet();
        socket.Send((VsockOperation)operation, Send);
        await socket.ExpectAsync(VsockOperation.Reset);
        VsockStream stream = await listener.AcceptAsync();
        stream.Accept();
        (await stream.Invoking(s => s.ReadAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.ConnectionReset);
        _guest.ShouldBeQuiet();
    }

    [Fact]
    public async Task Opening_anew_ends_the_old_connection()
    {
        using VsockListener listener = _guest.Host.Listen(9000);
        (_, VsockStream old) = await _guest.OpenFromGuestAsync(listener);
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromGuestAsync(listener);
        (await old.Invoking(s => s.ReadAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.ConnectionReset);
        socket.Send("x"u8);
        (await ReadAsync(stream, 1)).Should().Equal((byte)'x');
        _guest.Host.ConnectionCount.Should().Be(1);
        await old.DisposeAsync();
        _guest.ShouldBeQuiet();
    }

    [Fact]
    public void A_packet_without_a_whole_header_stops_the_device()
    {
        _guest.TransmitQueue.Add(new Virtio.DriverBuffer(_guest.Driver.Allocate(64), VsockHeader.Size - 1));
        _guest.Driver.Ring(1);
        _guest.Driver.Faults.Should().ContainSingle().Which.Should().Contain("43 bytes");
    }

    [Theory]
    [InlineData(1u)]
    [InlineData(uint.MaxValue)]
    public void A_packet_that_announces_more_than_it_carries_stops_the_device(uint length)
    {
        _guest.Send(_guest.Socket(1024, 9000).Header(VsockOperation.ReadWrite, length: length));
        _guest.Driver.Faults.Should().ContainSingle().Which.Should().Contain($"announces {length} bytes and carries 0");
        (_guest.Driver.Status & Virtio.VirtioDriver.NeedsReset).Should().NotBe(0);
    }

    [Fact]
    public async Task A_receive_buffer_without_room_for_a_header_stops_the_device()
    {
        using var guest = new VsockGuest(receiveBuffers: 1, receiveBufferSize: VsockHeader.Size - 1);
        Task<VsockStream> connecting = guest.Host.ConnectAsync(1);
        await guest.WaitForHostAsync();
        guest.Driver.Faults.Should().ContainSingle().Which.Should().Contain("receive buffer of 43 bytes");
        connecting.IsCompleted.Should().BeFalse("the guest may reset the device and go on");
    }

    [Fact]
    public async Task Deferred_connections_wait_for_the_host()
    {
        using VsockListener listener = _guest.Host.Listen(9000, new VsockListenOptions { DeferAccept = true });
        GuestSocket socket = _guest.Socket(1024, 9000);
        socket.Send(VsockOperation.Request);
        VsockStream stream = await listener.AcceptAsync();
        await stream.WriteAsync("early"u8.ToArray());
        _guest.ShouldBeQuiet();
        stream.Accept();
        await socket.ExpectAsync(VsockOperation.Response);
        (await socket.ReadAsync(5)).Should().Equal("early"u8.ToArray());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Deferred_connections_can_be_refused(bool abort)
    {
        using VsockListener listener = _guest.Host.Listen(9000, new VsockListenOptions { DeferAccept = true });
        GuestSocket socket = _guest.Socket(1024, 9000);
        socket.Send(VsockOperation.Request);
        VsockStream stream = await listener.AcceptAsync();
        _guest.ShouldBeQuiet();
        if (abort)
            stream.Abort();
        else
            await stream.DisposeAsync();
        await socket.ExpectAsync(VsockOperation.Reset);
        _guest.Host.ConnectionCount.Should().Be(0);
    }

    [Fact]
    public async Task An_abortion_resets_at_once()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync(window: 0);
        await stream.WriteAsync(new byte[1000]);
        Task<int> reading = stream.ReadAsync(new byte[1]).AsTask();
        stream.Abort();
        await socket.ExpectAsync(VsockOperation.Reset);
        (await reading.Invoking(task => task).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.Aborted);
        _guest.Host.ConnectionCount.Should().Be(0);
        stream.Abort();
        await stream.DisposeAsync();
        _guest.ShouldBeQuiet();
    }

    [Fact]
    public async Task Every_connection_gets_its_turn()
    {
        (GuestSocket busy, VsockStream first) = await _guest.OpenFromHostAsync(5000);
        (GuestSocket quiet, VsockStream second) = await _guest.OpenFromHostAsync(5001);
        await first.WriteAsync(new byte[200_000]);
        await second.WriteAsync(new byte[10]);
        _guest.DoHostWork();
        List<uint> ports = [.. _guest.ReceiveAll().Where(packet => packet.Operation == VsockOperation.ReadWrite).Select(packet => packet.Header.DestinationPort)];
        ports.IndexOf(quiet.GuestPort).Should().BeInRange(0, 1);
        ports.Count(port => port == busy.GuestPort).Should().BeGreaterThan(10);
    }

    internal static byte[] Bytes(int length, int seed = 1)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    internal static async Task<byte[]> ReadAsync(VsockStream stream, int length)
    {
        byte[] bytes = new byte[length];
        await stream.ReadExactlyAsync(bytes).AsTask().WaitAsync(VsockGuest.Patience);
        return bytes;
    }

    internal static async Task<byte[]> ReadToEndAsync(VsockStream stream)
    {
        using var bytes = new MemoryStream();
        await stream.CopyToAsync(bytes).WaitAsync(VsockGuest.Patience);
        return bytes.ToArray();
    }
}
