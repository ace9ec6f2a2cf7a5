using System.Formats.Cbor;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.Tests.Devices.Virtio;
using EnclaveTesting.Tests.Shared;

namespace EnclaveTesting.Engine.Tests.Nsm;

/// <summary>A driver of the security module that runs in the test: as Linux's, or with chains of any shape.</summary>
internal sealed class NsmDriver : IDisposable
{
    public const int QueueSize = 16;
    public const int RequestRoom = 2 * NsmProtocol.MaxRequestSize;

    private readonly VirtioDriver _driver;
    private readonly GuestAddress _request, _response, _tables;

    public NsmDriver(NsmOptions? options = null, TimeProvider? time = null)
    {
        options ??= new NsmOptions();
        Pcrs = new PcrBank(TestModule.Measurements, options);
        Device = new NsmDevice(new NsmProtocol(Pcrs, options, new AttestationSigner(options, seed: null), new NsmRandom(options.RandomSeed), time ?? TimeProvider.System), Waker);
        _driver = new VirtioDriver(Device);
        Queue = Restart();
        _request = _driver.Allocate(RequestRoom, 4096);
        _response = _driver.Allocate(2 * NsmProtocol.MaxResponseSize, 4096);
        _tables = _driver.Allocate(2 * 256, 16);
    }

    public PcrBank Pcrs { get; }

    public NsmDevice Device { get; }

    public CountingWaker Waker { get; } = new();

    public DriverQueue Queue { get; private set; }

    /// <summary>What the next start negotiates.</summary>
    public ulong Features { get; set; } = VirtioDriver.Version1;

    public IReadOnlyList<string> Faults => _driver.Faults;

    public bool NeedsReset => (_driver.Status & VirtioDriver.NeedsReset) != 0;

    public int TakeInterrupts() => _driver.Line.TakeEdges();

    /// <summary>Resets the device and starts it anew, with rings in the same place.</summary>
    public DriverQueue Restart()
    {
        _driver.Negotiate(Features).Should().BeTrue();
        if (Queue is null)
        {
            Queue = _driver.SetUpQueue(0, QueueSize);
        }
        else
        {
            Queue = new DriverQueue(_driver.Memory, QueueSize, Queue.Descriptors);
            _driver.Memory.GetSpan(Queue.Descriptors, (int)(Queue.End - Queue.Descriptors)).Clear();
            _driver.PlaceQueue(0, QueueSize, Queue.Descriptors, Queue.Available, Queue.Used);
            _driver.Write(0x44, 1);
        }

        _driver.Start();
        return Queue;
    }

    public void Ring() => _driver.Ring(0);

    /// <summary>Does what the machine does after <see cref="IMachineWaker.Wake"/>.</summary>
    public void DoHostWork() => _driver.Transport.DoHostWork();

    /// <summary>Puts a request where <see cref="RequestBuffer"/> is.</summary>
    public void PutRequest(ReadOnlySpan<byte> request) => request.CopyTo(_driver.Memory.GetSpan(_request, request.Length));

    public DriverBuffer RequestBuffer(int length, int offset = 0, bool writable = false) => new(_request + (uint)offset, (uint)length, writable);

    public DriverBuffer ResponseBuffer(int length = NsmProtocol.MaxResponseSize, int offset = 0, bool writable = true) =>
        new(_response + (uint)offset, (uint)length, writable);

    /// <summary>A place for an indirect table.</summary>
    public GuestAddress Table(int number) => _tables + (256u * (uint)number);

    /// <summary>The memory where requests stand, with what follows it.</summary>
    public Span<byte> RequestMemory(int length) => _driver.Memory.GetSpan(_request, length);

    /// <summary>The memory where responses stand, with what follows it.</summary>
    public Span<byte> ResponseMemory(int length) => _driver.Memory.GetSpan(_response, length);

    /// <summary>What stands in the response's buffer.</summary>
    public byte[] Response(uint length) => _driver.Memory.GetSpan(_response, (int)length).ToArray();

    /// <summary>Asks as Linux does: a chain with the request, a chain with the room, one ring.</summary>
    /// <returns>The response; null if the device stopped.</returns>
    public byte[]? Ask(ReadOnlySpan<byte> request, int room = NsmProtocol.MaxResponseSize)
    {
        PutRequest(request);
        ushort first = Queue.Add(RequestBuffer(request.Length));
        ushort second = Queue.Add(ResponseBuffer(room));
        Ring();
        return TakeResponse(first, second);
    }

    public byte[]? Ask(Action<CborWriter> request) => Ask(Cbor.Encode(request));

    /// <summary>Takes both chains back in the order that Linux's driver insists on; null if the device stopped.</summary>
    public byte[]? TakeResponse(ushort first, ushort second)
    {
        if (NeedsReset)
            return null;
        Queue.TryTakeUsed(out ushort head, out uint length).Should().BeTrue("the request must come back");
        head.Should().Be(first);
        length.Should().Be(0, "nothing was written into the request");
        Queue.TryTakeUsed(out head, out length).Should().BeTrue("the response must come back");
        head.Should().Be(second);
        return Response(length);
    }

    public void Dispose() => _driver.Dispose();

    internal sealed class CountingWaker : IMachineWaker
    {
        public int Count { get; private set; }

        public void Wake() => Count++;
    }
}
