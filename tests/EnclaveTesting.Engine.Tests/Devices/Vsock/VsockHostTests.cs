using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Engine.Tests.Devices.Vsock;

/// <summary>The host's API: listeners, cancellation, disposal, the driver's and the machine's end.</summary>
public sealed class VsockHostTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly VsockGuest _guest = new();

    public void Dispose() => _guest.Dispose();

    [Fact]
    public void A_port_has_one_listener_at_a_time()
    {
        VsockListener listener = _guest.Host.Listen(9000);
        _guest.Host.Invoking(host => host.Listen(9000)).Should().Throw<InvalidOperationException>().WithMessage("*9000*");
        listener.Dispose();
        listener.Dispose();
        using VsockListener again = _guest.Host.Listen(9000);
        listener.Dispose();
        _guest.Host.Invoking(host => host.Listen(9000)).Should().Throw<InvalidOperationException>("the new listener is not the old one's to close");
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    public void Impossible_options_are_refused(int backlog, int window) =>
        _guest.Host.Invoking(host => host.Listen(9000, new VsockListenOptions { Backlog = backlog, ReceiveWindow = window })).Should().Throw<ArgumentOutOfRangeException>();

    [Fact]
    public async Task Closing_a_port_resets_who_waits_and_leaves_who_was_accepted()
    {
        VsockListener listener = _guest.Host.Listen(9000);
        (GuestSocket accepted, VsockStream stream) = await _guest.OpenFromGuestAsync(listener, 1);
        GuestSocket waiting = _guest.Socket(2, 9000);
        waiting.Send(VsockOperation.Request);
        await waiting.ExpectAsync(VsockOperation.Response);

        listener.Dispose();

        await waiting.ExpectAsync(VsockOperation.Reset);
        await stream.WriteAsync(new byte[] { 7 });
        (await accepted.ReadAsync(1)).Should().Equal(7);
        GuestSocket late = _guest.Socket(3, 9000);
        late.Send(VsockOperation.Request);
        await late.ExpectAsync(VsockOperation.Reset);
        _guest.Host.ConnectionCount.Should().Be(1);
        await listener.Invoking(l => l.AcceptAsync().AsTask()).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Closing_a_port_ends_who_accepts()
    {
        VsockListener listener = _guest.Host.Listen(9000);
        Task<VsockStream> accepting = listener.AcceptAsync().AsTask();
        listener.Dispose();
        await accepting.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task Accepting_can_be_given_up_without_losing_a_connection()
    {
        using VsockListener listener = _guest.Host.Listen(9000);
        using var cancellation = new CancellationTokenSource();
        Task<VsockStream> accepting = listener.AcceptAsync(cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await accepting.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<OperationCanceledException>();
        await _guest.OpenFromGuestAsync(listener);
    }

    [Fact]
    public async Task A_connect_waits_for_the_driver()
    {
        using var guest = new VsockGuest(start: false);
        Task<VsockStream> connecting = guest.Host.ConnectAsync(5000);
        guest.DoHostWork();
        connecting.IsCompleted.Should().BeFalse();
        guest.Host.ConnectionCount.Should().Be(1);
        guest.StartDriver();
        (await guest.ReceiveAsync()).Operation.Should().Be(VsockOperation.Request);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_connect_that_is_cancelled_before_the_guest_knows_leaves_nothing(bool seen)
    {
        using var guest = new VsockGuest(start: false);
        using var cancellation = new CancellationTokenSource();
        Task<VsockStream> connecting = guest.Host.ConnectAsync(5000, cancellation.Token);
        if (seen)
            guest.DoHostWork();
        await cancellation.CancelAsync();
        await connecting.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<OperationCanceledException>();
        guest.DoHostWork();
        guest.Host.ConnectionCount.Should().Be(0);
        guest.StartDriver();
        guest.ShouldBeQuiet();
    }

    [Fact]
    public async Task A_connect_that_is_cancelled_later_is_withdrawn()
    {
        using var cancellation = new CancellationTokenSource();
        Task<VsockStream> connecting = _guest.Host.ConnectAsync(5000, cancellation.Token);
        VsockPacket request = await _guest.ReceiveAsync();
        await cancellation.CancelAsync();
        await connecting.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<OperationCanceledException>();
        GuestSocket socket = _guest.Socket(5000, request.Header.SourcePort);
        await socket.ExpectAsync(VsockOperation.Reset);
        _guest.Host.ConnectionCount.Should().Be(0);
        socket.Send(VsockOperation.Response);
        await socket.ExpectAsync(VsockOperation.Reset);
    }

    [Fact]
    public async Task A_cancelled_token_connects_to_nothing()
    {
        await _guest.Host.Invoking(host => host.ConnectAsync(5000, new CancellationToken(true))).Should().ThrowAsync<OperationCanceledException>();
        _guest.ShouldBeQuiet();
        _guest.Wakes.Should().Be(0);
    }

    [Fact]
    public async Task Connects_to_one_port_are_apart()
    {
        (GuestSocket a, VsockStream first) = await _guest.OpenFromHostAsync(5000);
        (GuestSocket b, VsockStream second) = await _guest.OpenFromHostAsync(5000);
        a.HostPort.Should().NotBe(b.HostPort);
        b.Send("b"u8);
        a.Send("a"u8);
        (await VsockProtocolTests.ReadAsync(first, 1)).Should().Equal((byte)'a');
        (await VsockProtocolTests.ReadAsync(second, 1)).Should().Equal((byte)'b');
    }

    [Fact]
    public async Task A_connect_whose_port_the_guest_has_taken_is_refused()
    {
        (GuestSocket socket, _) = await _guest.OpenFromHostAsync(5000);
        using VsockListener listener = _guest.Host.Listen(socket.HostPort + 1);
        await _guest.OpenFromGuestAsync(listener, guestPort: 5000);
        Task<VsockStream> connecting = _guest.Host.ConnectAsync(5000);
        await _guest.WaitForHostAsync();
        (await connecting.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.ConnectionRefused);
        _guest.Host.ConnectionCount.Should().Be(2);
        await _guest.OpenFromHostAsync(5000);
    }

    [Fact]
    public async Task A_read_that_waits_ends_with_the_stream()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync();
        Task<int> reading = stream.ReadAsync(new byte[1]).AsTask();
        await stream.DisposeAsync();
        // The guest says nothing more: the read must not wait for it.
        await reading.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<ObjectDisposedException>();
        await socket.ExpectAsync(VsockOperation.Shutdown);
        await stream.Invoking(s => s.ReadAsync(new byte[1]).AsTask()).Should().ThrowAsync<ObjectDisposedException>();
    }

    [Fact]
    public async Task A_write_that_waits_ends_with_the_stream()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync(window: 0);
        Task writing = stream.WriteAsync(new byte[1 << 20]).AsTask();
        await stream.DisposeAsync();
        await writing.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<ObjectDisposedException>();
        socket.Window = 16 << 20;
        socket.Send(VsockOperation.CreditUpdate);
        VsockPacket packet;
        do
            packet = await socket.ReceiveAsync();
        while (packet.Operation is VsockOperation.ReadWrite or VsockOperation.CreditRequest);
        packet.Operation.Should().Be(VsockOperation.Shutdown);
        socket.Received.Should().BeInRange(1, 1 << 20).And.Match(received => received % (64 * 1024) == 0, "whole pieces went out");
    }

    [Fact]
    public async Task Ending_the_writing_waits_for_a_write()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync(window: 1000);
        byte[] data = VsockProtocolTests.Bytes(600_000);
        Task writing = stream.WriteAsync(data).AsTask();
        stream.CompleteWriting();
        (await socket.ReadAsync(data.Length)).Should().Equal(data);
        await writing.WaitAsync(Patience);
        (await socket.ExpectAsync(VsockOperation.Shutdown)).Flags.Should().Be(VsockHeader.ShutdownSend);
    }

    [Fact]
    public async Task One_read_and_one_write_at_a_time()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync(window: 0);
        Task<int> reading = stream.ReadAsync(new byte[1]).AsTask();
        await stream.Invoking(s => s.ReadAsync(new byte[1]).AsTask()).Should().ThrowAsync<InvalidOperationException>();
        Task writing = stream.WriteAsync(new byte[1 << 20]).AsTask();
        await stream.Invoking(s => s.WriteAsync(new byte[1]).AsTask()).Should().ThrowAsync<InvalidOperationException>();
        socket.Send("x"u8);
        (await reading.WaitAsync(Patience)).Should().Be(1);
        socket.Window = 16 << 20;
        socket.Send(VsockOperation.CreditUpdate);
        (await socket.ReadAsync(1 << 20)).Should().HaveCount(1 << 20);
        await writing.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_read_can_be_given_up_and_tried_again()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync();
        using var cancellation = new CancellationTokenSource();
        Task<int> reading = stream.ReadAsync(new byte[1], cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await reading.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<OperationCanceledException>();
        socket.Send("x"u8);
        (await VsockProtocolTests.ReadAsync(stream, 1)).Should().Equal((byte)'x');
    }

    [Fact]
    public async Task A_write_with_a_cancelled_token_sends_nothing()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync();
        await stream.Invoking(s => s.WriteAsync("no"u8.ToArray(), new CancellationToken(true)).AsTask()).Should().ThrowAsync<OperationCanceledException>();
        await stream.WriteAsync("yes"u8.ToArray());
        (await socket.ReadAsync(3)).Should().Equal("yes"u8.ToArray());
    }

    [Fact]
    public async Task A_write_that_waits_can_be_given_up()
    {
        (_, VsockStream stream) = await _guest.OpenFromHostAsync(window: 0);
        using var cancellation = new CancellationTokenSource();
        Task writing = stream.WriteAsync(new byte[1 << 20], cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await writing.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<OperationCanceledException>();
        stream.Abort();
    }

    [Fact]
    public async Task A_reset_of_the_driver_loses_what_it_knew_and_keeps_what_waits()
    {
        using VsockListener listener = _guest.Host.Listen(9000);
        (_, VsockStream open) = await _guest.OpenFromGuestAsync(listener);
        Task<VsockStream> known = _guest.Host.ConnectAsync(5000);
        (await _guest.ReceiveAsync()).Operation.Should().Be(VsockOperation.Request);
        _guest.Driver.Status = 0;
        Task<VsockStream> waiting = _guest.Host.ConnectAsync(5001);
        _guest.DoHostWork();
        _guest.Driver.Status = 0;

        (await open.Invoking(s => s.ReadAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.ConnectionReset);
        (await known.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.ConnectionReset);
        waiting.IsCompleted.Should().BeFalse();

        _guest.StartDriver();
        VsockPacket request = await _guest.ReceiveAsync();
        request.Header.DestinationPort.Should().Be(5001);
        GuestSocket socket = _guest.Socket(5001, request.Header.SourcePort);
        socket.Send(VsockOperation.Response);
        await waiting.WaitAsync(Patience);
        await _guest.OpenFromGuestAsync(listener, 7);
        _guest.Host.ConnectionCount.Should().Be(2);
    }

    [Fact]
    public async Task The_machines_end_ends_everything()
    {
        using VsockListener listener = _guest.Host.Listen(9000);
        (GuestSocket socket, VsockStream open) = await _guest.OpenFromGuestAsync(listener);
        (GuestSocket closing, VsockStream half) = await _guest.OpenFromGuestAsync(listener, 1025);
        socket.Send("before"u8);
        closing.Send("all of it"u8);
        closing.Send(VsockOperation.Shutdown, VsockHeader.ShutdownSend);
        Task<VsockStream> accepting = listener.AcceptAsync().AsTask();
        Task<VsockStream> connecting = _guest.Host.ConnectAsync(5000), unseen;
        _guest.DoHostWork();
        unseen = _guest.Host.ConnectAsync(5001);

        _guest.Device.MachineEnded("it was time");
        _guest.Device.MachineEnded("again");

        foreach (Task task in new Task[] { accepting, connecting, unseen, _guest.Host.ConnectAsync(5002) })
        {
            VsockException failure = (await task.Invoking(t => t.WaitAsync(Patience)).Should().ThrowAsync<VsockException>()).Which;
            failure.Error.Should().Be(VsockError.MachineEnded);
            failure.Message.Should().Contain("it was time");
        }

        (await VsockProtocolTests.ReadAsync(open, 6)).Should().Equal("before"u8.ToArray());
        (await open.Invoking(s => s.ReadAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.MachineEnded);
        (await open.Invoking(s => s.WriteAsync(new byte[1]).AsTask()).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.MachineEnded);
        (await VsockProtocolTests.ReadToEndAsync(half)).Should().Equal("all of it"u8.ToArray(), "the enclave had said that this is all");
        _guest.Host.Invoking(host => host.Listen(9001)).Should().Throw<VsockException>().Which.Error.Should().Be(VsockError.MachineEnded);
        _guest.Host.ConnectionCount.Should().Be(0);
        await open.DisposeAsync();
        open.Abort();
    }

    [Fact]
    public async Task The_machines_end_wakes_a_writer_that_waits()
    {
        (_, VsockStream stream) = await _guest.OpenFromHostAsync(window: 0);
        Task writing = stream.WriteAsync(new byte[1 << 20]).AsTask();
        _guest.Device.MachineEnded("it was time");
        (await writing.Invoking(task => task.WaitAsync(Patience)).Should().ThrowAsync<VsockException>()).Which.Error.Should().Be(VsockError.MachineEnded);
    }

    [Fact]
    public async Task It_is_a_stream_like_others()
    {
        (GuestSocket socket, VsockStream stream) = await _guest.OpenFromHostAsync();
        (stream.CanRead, stream.CanWrite, stream.CanSeek).Should().Be((true, true, false));
        stream.Write([1, 2, 3], 1, 2);
        stream.Flush();
        (await socket.ReadAsync(2)).Should().Equal(2, 3);
        socket.Send([4, 5, 6]);
        byte[] bytes = new byte[5];
        stream.Read(bytes, 1, 4).Should().Be(3);
        bytes.Should().Equal(0, 4, 5, 6, 0);
        (await stream.ReadAsync(Memory<byte>.Empty)).Should().Be(0);
        stream.Invoking(s => s.Length).Should().Throw<NotSupportedException>();
        stream.Invoking(s => s.Seek(0, SeekOrigin.Begin)).Should().Throw<NotSupportedException>();
        await stream.DisposeAsync();
        (stream.CanRead, stream.CanWrite).Should().Be((false, false));
        stream.Invoking(s => s.CompleteWriting()).Should().Throw<ObjectDisposedException>();
        await stream.Invoking(s => s.WriteAsync(new byte[1]).AsTask()).Should().ThrowAsync<ObjectDisposedException>();
    }
}
