using System.Diagnostics.CodeAnalysis;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.Tests.Devices.Virtio;

namespace EnclaveTesting.Engine.Tests.Devices.Vsock;

/// <summary>
/// The guest's side of a vsock device, driven by the test: the test's thread is the machine's thread. It looks for what the host has
/// done only in <see cref="ReceiveAsync"/> and <see cref="DoHostWork"/>.
/// </summary>
internal sealed class VsockGuest : IMachineWaker, IDisposable
{
    public const ulong Cid = 16, ParentCid = 3;
    public const uint LargestPacket = 64 * 1024;

    private const uint ReceiveQueueIndex = 0, TransmitQueueIndex = 1;

    /// <summary>Longer than anything here takes; a test that needs it has failed.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private readonly uint _receiveBufferSize;
    private readonly SemaphoreSlim _woken = new(0);
    private readonly Dictionary<ushort, GuestAddress> _receiveBuffers = [], _transmitBuffers = [];
    private readonly Stack<GuestAddress> _transmitFree = new();
    private int _wakePending;

    /// <summary>Builds the device and starts its driver.</summary>
    /// <param name="receiveBuffers">How many buffers the driver gives for packets and gives again when it has read them.</param>
    /// <param name="receiveBufferSize">The size of each.</param>
    /// <param name="features">Of the ring.</param>
    /// <param name="start">False leaves the driver to <see cref="StartDriver"/>.</param>
    public VsockGuest(int receiveBuffers = 64, uint receiveBufferSize = 4096, ulong features = 0, bool start = true)
    {
        _receiveBufferSize = receiveBufferSize;
        Device = new VsockDevice(new Cid((uint)Cid));
        Driver = new VirtioDriver(Device, 32 << 20);
        Device.Host.AttachTo(this);
        Features = features;
        ReceiveBuffers = receiveBuffers;
        if (start)
            StartDriver();
    }

    public VsockDevice Device { get; }

    public VsockHost Host => Device.Host;

    public VirtioDriver Driver { get; }

    public ulong Features { get; }

    public int ReceiveBuffers { get; }

    public DriverQueue ReceiveQueue { get; private set; } = null!;

    public DriverQueue TransmitQueue { get; private set; } = null!;

    /// <summary>How often the host has asked for attention; calls before it got it count as one.</summary>
    public int Wakes { get; private set; }

    public void Wake()
    {
        if (Interlocked.Exchange(ref _wakePending, 1) == 0)
            _woken.Release();
    }

    /// <summary>Starts the driver anew with the memory it had.</summary>
    public void StartDriverInPlace()
    {
        Driver.FreeAll();
        StartDriver();
    }

    /// <summary>Starts the driver, anew if it ran before.</summary>
    public void StartDriver()
    {
        Driver.Negotiate(VirtioDriver.Version1 | Features).Should().BeTrue();
        ReceiveQueue = Driver.SetUpQueue(ReceiveQueueIndex, 256);
        TransmitQueue = Driver.SetUpQueue(TransmitQueueIndex, 32);
        Driver.SetUpQueue(2, 4);
        _receiveBuffers.Clear();
        _transmitBuffers.Clear();
        _transmitFree.Clear();
        for (int i = 0; i < TransmitQueue.Size; i++)
            _transmitFree.Push(Driver.Allocate(VsockHeader.Size + LargestPacket));
        Driver.Start();
        GiveReceiveBuffers(ReceiveBuffers);
    }

    /// <summary>Gives the device buffers for packets.</summary>
    public void GiveReceiveBuffers(int count)
    {
        for (int i = 0; i < count; i++)
            GiveReceiveBuffer(Driver.Allocate(_receiveBufferSize));
    }

    public void DoHostWork()
    {
        Volatile.Write(ref _wakePending, 0);
        Interlocked.MemoryBarrier();
        Driver.Transport.DoHostWork();
    }

    /// <summary>Waits until the host asks for attention, or the end.</summary>
    public async Task WaitForWakeAsync(CancellationToken end)
    {
        try
        {
            await _woken.WaitAsync(end);
        }
        catch (OperationCanceledException)
        {
            // The end it is.
        }
    }

    /// <summary>Waits until the host asks for attention and gives it.</summary>
    public async Task WaitForHostAsync()
    {
        (await _woken.WaitAsync(Patience)).Should().BeTrue("the host should have done something within {0}; faults: {1}", Patience, string.Join("; ", Driver.Faults));
        Wakes++;
        DoHostWork();
    }

    /// <summary>Gives the host attention until a task of it is done.</summary>
    public async Task<T> WhileAsync<T>(Task<T> task)
    {
        await WhileAsync((Task)task);
        return await task;
    }

    public async Task WhileAsync(Task task)
    {
        while (!task.IsCompleted)
        {
            Task woken = _woken.WaitAsync();
            if (await Task.WhenAny(task, woken).WaitAsync(Patience) == woken)
                DoHostWork();
            else
                // The wait goes on and will swallow one call: make it.
                _woken.Release();
        }

        await task;
    }

    /// <summary>The next packet for the guest.</summary>
    public async Task<VsockPacket> ReceiveAsync()
    {
        VsockPacket? packet;
        while (!TryReceive(out packet))
            await WaitForHostAsync();
        return packet;
    }

    public bool TryReceive([NotNullWhen(true)] out VsockPacket? packet)
    {
        packet = null;
        if (!ReceiveQueue.TryTakeUsed(out ushort head, out uint length))
            return false;
        _receiveBuffers.Remove(head, out GuestAddress address).Should().BeTrue();
        length.Should().BeInRange(VsockHeader.Size, _receiveBufferSize);
        byte[] bytes = Driver.Memory.GetSpan(address, (int)length).ToArray();
        packet = new VsockPacket(VsockHeader.Read(bytes), bytes[VsockHeader.Size..]);
        packet.Header.Length.Should().Be((uint)packet.Data.Length);
        packet.Header.DestinationCid.Should().Be(Cid);
        if (ReceiveBuffers > 0)
            GiveReceiveBuffer(address);
        return true;
    }

    /// <summary>Everything that is there, after the host got attention.</summary>
    public List<VsockPacket> ReceiveAll()
    {
        DoHostWork();
        var packets = new List<VsockPacket>();
        while (TryReceive(out VsockPacket? packet))
            packets.Add(packet);
        return packets;
    }

    /// <summary>Sends a packet; false if no descriptor is free because the device has not taken earlier ones.</summary>
    public bool TrySend(VsockHeader header, ReadOnlySpan<byte> data = default)
    {
        while (TransmitQueue.TryTakeUsed(out ushort used, out uint length))
        {
            length.Should().Be(0);
            _transmitBuffers.Remove(used, out GuestAddress buffer);
            _transmitFree.Push(buffer);
        }

        if (TransmitQueue.FreeDescriptors < 2)
            return false;
        GuestAddress address = _transmitFree.Pop();
        header.Write(Driver.Memory.GetSpan(address, VsockHeader.Size));
        Driver.Memory.Write(address + VsockHeader.Size, data);
        // As Linux does it: the header in one buffer, the data in another.
        ushort head = data.IsEmpty
            ? TransmitQueue.Add(new DriverBuffer(address, VsockHeader.Size))
            : TransmitQueue.Add(new(address, VsockHeader.Size), new(address + VsockHeader.Size, (uint)data.Length));
        _transmitBuffers.Add(head, address);
        Driver.Ring(TransmitQueueIndex);
        return true;
    }

    public void Send(VsockHeader header, ReadOnlySpan<byte> data = default) => TrySend(header, data).Should().BeTrue("the device should have taken earlier packets; faults: {0}", string.Join("; ", Driver.Faults));

    /// <summary>A socket of the guest; nothing is sent yet.</summary>
    public GuestSocket Socket(uint guestPort, uint hostPort) => new(this, guestPort, hostPort);

    /// <summary>Connects from the guest to a port on which the host listens, and takes the host's end.</summary>
    public async Task<(GuestSocket Guest, VsockStream Host)> OpenFromGuestAsync(VsockListener listener, uint guestPort = 1024, uint window = 256 * 1024)
    {
        GuestSocket socket = Socket(guestPort, listener.Port);
        socket.Window = window;
        socket.Send(VsockOperation.Request);
        await socket.ExpectAsync(VsockOperation.Response);
        return (socket, await listener.AcceptAsync().AsTask().WaitAsync(Patience));
    }

    /// <summary>Connects from the host to a port of the guest.</summary>
    public async Task<(GuestSocket Guest, VsockStream Host)> OpenFromHostAsync(uint guestPort = 5000, uint window = 256 * 1024)
    {
        Task<VsockStream> connecting = Host.ConnectAsync(guestPort);
        VsockPacket request = await ReceiveAsync();
        request.Operation.Should().Be(VsockOperation.Request);
        request.Header.DestinationPort.Should().Be(guestPort);
        request.Header.SourceCid.Should().Be(ParentCid);
        GuestSocket socket = Socket(guestPort, request.Header.SourcePort);
        socket.Window = window;
        socket.Note(request);
        socket.Send(VsockOperation.Response);
        return (socket, await connecting.WaitAsync(Patience));
    }

    /// <summary>Fails unless nothing more comes.</summary>
    public void ShouldBeQuiet() => ReceiveAll().Should().BeEmpty();

    public void Dispose()
    {
        Driver.Dispose();
        _woken.Dispose();
    }

    private void GiveReceiveBuffer(GuestAddress address)
    {
        ushort head = ReceiveQueue.Add(new DriverBuffer(address, _receiveBufferSize, true));
        _receiveBuffers.Add(head, address);
        // With event index an obedient driver rings only when it is wanted.
        if ((Features & VirtioDriver.EventIndex) == 0 || (ushort)(ReceiveQueue.AvailableIndex - 1) == ReceiveQueue.AvailableEvent)
            Driver.Ring(ReceiveQueueIndex);
    }
}
