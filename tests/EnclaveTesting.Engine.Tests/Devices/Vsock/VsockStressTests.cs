using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Tests.Devices.Virtio;

namespace EnclaveTesting.Engine.Tests.Devices.Vsock;

/// <summary>Many threads, random packets, and a guest that never lets the device rest.</summary>
public sealed class VsockStressTests
{
    /// <summary>Longer than anything here takes on a busy machine; a test that needs it hangs.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    [Theory]
    [InlineData(1, 0UL)]
    [InlineData(2, VirtioDriver.EventIndex)]
    public async Task Hosts_threads_and_the_machines_do_not_lose_each_other(int seed, ulong features)
    {
        using var guest = new VsockGuest(receiveBuffers: 16, features: features);
        var echo = new EchoGuest(guest);
        using var end = new CancellationTokenSource();
        Task machine = RunMachineAsync(guest, echo, end.Token);

        Task[] hosts = [.. Enumerable.Range(0, 8).Select(i => Task.Run(() => UseAsync(guest.Host, new Random((seed * 100) + i))))];
        Task all = Task.WhenAll(hosts);
        if (await Task.WhenAny(all, machine, Task.Delay(Patience)) != all)
        {
            await end.CancelAsync();
            await machine;
            throw new TimeoutException($"seed {seed}: {hosts.Count(host => !host.IsCompleted)} threads wait, {guest.Host.ConnectionCount} connections, {echo.Connections} in the guest");
        }

        await all;
        while (guest.Host.ConnectionCount > 0 && !machine.IsCompleted)
            await Task.Yield();
        await end.CancelAsync();
        await machine;
        guest.ReceiveAll().ForEach(echo.Handle);
        guest.Host.ConnectionCount.Should().Be(0);
        echo.Connections.Should().Be(0, "every connection was closed or reset");
        guest.Driver.Faults.Should().BeEmpty();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Random_packets_and_a_random_host_end_in_order(int seed)
    {
        var random = new Random(seed);
        using var guest = new VsockGuest(receiveBuffers: 32, receiveBufferSize: 300);
        List<VsockListener> listeners =
        [
            guest.Host.Listen(1, new VsockListenOptions { Backlog = 3, ReceiveWindow = 500 }),
            guest.Host.Listen(2, new VsockListenOptions { DeferAccept = true, ReceiveWindow = 1 }),
            guest.Host.Listen(3),
        ];
        var streams = new List<VsockStream>();
        var tasks = new List<Task>();
        Task<VsockStream>[] accepts = [.. listeners.Select(listener => listener.AcceptAsync().AsTask())];
        byte[] data = new byte[2000];
        uint lastHostPort = 1;
        for (int step = 0; step < 20_000; step++)
        {
            if (guest.Driver.Faults.Count > 0)
            {
                guest.Driver.Faults.Clear();
                guest.StartDriverInPlace();
            }

            switch (random.Next(12))
            {
                case 0:
                    tasks.Add(ConnectAsync(guest.Host, (uint)random.Next(4), streams));
                    break;
                case 1 when streams.Count > 0:
                    tasks.Add(AsError(Any(streams, random).WriteAsync(data.AsMemory(0, random.Next(data.Length))).AsTask));
                    break;
                case 2 when streams.Count > 0:
                    tasks.Add(AsError(() => Any(streams, random).ReadAsync(new byte[100]).AsTask()));
                    break;
                case 3 when streams.Count > 0:
                    Act(Any(streams, random), random.Next(8));
                    break;
                case 4:
                    for (int i = 0; i < accepts.Length; i++)
                    {
                        if (!accepts[i].IsCompleted)
                            continue;
                        VsockStream accepted = await accepts[i];
                        lock (streams)
                            streams.Add(accepted);
                        accepts[i] = listeners[i].AcceptAsync().AsTask();
                    }

                    break;
                case 5:
                    guest.DoHostWork();
                    break;
                default:
                    var header = new VsockHeader(
                        random.Next(30) == 0 ? 17UL : VsockGuest.Cid, (ulong)(random.Next(20) == 0 ? random.Next(5) : 3), (uint)random.Next(4),
                        random.Next(3) == 0 ? lastHostPort : (uint)random.Next(5), (uint)random.Next(600),
                        (ushort)(random.Next(30) == 0 ? random.Next(4) : 1), (VsockOperation)(random.Next(30) == 0 ? random.Next(65536) : random.Next(9)),
                        (uint)random.Next(4), random.Next(10) == 0 ? (uint)random.NextInt64(1L << 32) : 5000, random.Next(10) == 0 ? (uint)random.NextInt64(1L << 32) : 0);
                    guest.TrySend(header, data.AsSpan(0, random.Next(200) == 0 ? 0 : (int)header.Length));
                    break;
            }

            while (guest.TryReceive(out VsockPacket? packet))
            {
                lastHostPort = packet.Header.SourcePort;
                packet.Operation.Should().BeOneOf(
                    [VsockOperation.Request, VsockOperation.Response, VsockOperation.Reset, VsockOperation.Shutdown, VsockOperation.ReadWrite, VsockOperation.CreditUpdate, VsockOperation.CreditRequest],
                    "seed {0}, step {1}", seed, step);
            }
        }

        guest.Device.MachineEnded("enough");
        foreach (VsockListener listener in listeners)
            listener.Dispose();
        foreach (Task<VsockStream> accept in accepts)
            tasks.Add(AsError(() => accept));
        try
        {
            await Task.WhenAll(tasks).WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"seed {seed}: {tasks.Count(task => !task.IsCompleted)} of {tasks.Count} operations of the host never ended");
        }

        streams.Count.Should().BeGreaterThan(5, "seed {0}", seed);
        guest.Host.ConnectionCount.Should().Be(0);
    }

    [Fact]
    public async Task A_guest_that_always_gives_buffers_does_not_keep_the_machine()
    {
        // Buffers for headers only: data never fits, so the device could go on for ever.
        using var guest = new VsockGuest(receiveBuffers: 8, receiveBufferSize: VsockHeader.Size);
        (_, VsockStream stream) = await guest.OpenFromHostAsync();
        bool stop = false;
        DriverQueue queue = guest.ReceiveQueue;
        for (int i = 0; i < queue.Size; i++)
            guest.Driver.Memory.Write(queue.Available + 4 + (2UL * (uint)i), (ushort)0);
        var otherCpu = new Thread(() =>
        {
            // Each buffer is available again as soon as it is used.
            while (!Volatile.Read(ref stop))
            {
                guest.Driver.Memory.TryRead(queue.Used + 2, out ushort used);
                guest.Driver.Memory.TryWrite(queue.Available + 2, (ushort)(used + queue.Size));
            }
        });
        await stream.WriteAsync(new byte[1]);
        otherCpu.Start();
        try
        {
            int total = 0, most = 0;
            // Where both threads share a processor, the guest gives a ring full of buffers only when it is its turn.
            long end = Environment.TickCount64 + 5000;
            Task machine = Task.Run(() =>
            {
                while (total < 150_000 && Environment.TickCount64 < end)
                {
                    ushort before = queue.UsedIndex;
                    guest.DoHostWork();
                    int packets = (ushort)(queue.UsedIndex - before);
                    total += packets;
                    most = Math.Max(most, packets);
                }
            });
            await machine.WaitAsync(Patience);
            most.Should().BeLessThanOrEqualTo(16 * 256, "the machine has other work");
        }
        finally
        {
            Volatile.Write(ref stop, true);
            otherCpu.Join();
        }
    }

    private static async Task RunMachineAsync(VsockGuest guest, EchoGuest echo, CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            while (guest.TryReceive(out VsockPacket? packet))
                echo.Handle(packet);
            await guest.WaitForWakeAsync(end);
            guest.DoHostWork();
            echo.Flush();
        }
    }

    private static async Task UseAsync(VsockHost host, Random random)
    {
        for (int i = 0; i < 60; i++)
        {
            using var cancellation = new CancellationTokenSource();
            try
            {
                Task<VsockStream> connecting = host.ConnectAsync((uint)random.Next(1, 5), cancellation.Token);
                if (random.Next(8) == 0)
                    await cancellation.CancelAsync();
                await using VsockStream stream = await connecting;
                byte[] data = VsockProtocolTests.Bytes(random.Next(200_000), random.Next());
                Task<byte[]> reading = ReadAsync(stream, data.Length);
                Task writing = WriteAsync(stream, data, random);
                switch (random.Next(6))
                {
                    case 0:
                        stream.Abort();
                        break;
                    case 1:
                        await stream.DisposeAsync();
                        break;
                    case 2 when random.Next(2) == 0:
                        await writing;
                        stream.Abort();
                        break;
                    default:
                        await writing;
                        stream.CompleteWriting();
                        (await reading).Should().Equal(data);
                        (await stream.ReadAsync(new byte[1])).Should().Be(0);
                        continue;
                }

                await AsError(() => writing);
                await AsError(() => reading);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                // The connect was given up.
            }
        }
    }

    private static async Task WriteAsync(VsockStream stream, byte[] data, Random random)
    {
        for (int done = 0; done < data.Length;)
        {
            int count = Math.Min(data.Length - done, random.Next(1, 90_000));
            await stream.WriteAsync(data.AsMemory(done, count));
            done += count;
        }
    }

    private static async Task<byte[]> ReadAsync(VsockStream stream, int length)
    {
        byte[] bytes = new byte[length];
        await stream.ReadExactlyAsync(bytes);
        return bytes;
    }

    private static async Task ConnectAsync(VsockHost host, uint port, List<VsockStream> streams)
    {
        try
        {
            VsockStream stream = await host.ConnectAsync(port);
            lock (streams)
                streams.Add(stream);
        }
        catch (VsockException)
        {
            // The guest is a random one.
        }
    }

    private static VsockStream Any(List<VsockStream> streams, Random random)
    {
        lock (streams)
            return streams[random.Next(Math.Max(0, streams.Count - 10), streams.Count)];
    }

    private static void Act(VsockStream stream, int action)
    {
        switch (action)
        {
            case 0:
                stream.Dispose();
                break;
            case 1:
                stream.Abort();
                break;
            case 2 when stream.CanWrite:
                stream.CompleteWriting();
                break;
            default:
                stream.Accept();
                break;
        }
    }

    /// <summary>What a stream may answer when its other end does what it likes.</summary>
    private static async Task AsError(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (Exception exception) when (exception is VsockException or ObjectDisposedException or InvalidOperationException or EndOfStreamException)
        {
            // One of the documented ends.
        }
    }
}
