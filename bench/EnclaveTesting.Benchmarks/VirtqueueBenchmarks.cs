using BenchmarkDotNet.Attributes;
using EnclaveTesting.Engine.Devices.Virtio;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Benchmarks;

/// <summary>Taking a chain of two buffers off a virtqueue, reading its header, and giving it back.</summary>
[MemoryDiagnoser]
public class VirtqueueBenchmarks
{
    private const ushort Size = 256;
    private static readonly GuestAddress Descriptors = new(0x1000), Available = new(0x4000), Used = new(0x5000), Header = new(0x10000), Data = new(0x20000);

    private readonly byte[] _header = new byte[44];
    private GuestMemory _memory = null!;
    private Virtqueue _queue = null!;
    private ushort _available;

    /// <summary>Whether notifications are steered by event indices.</summary>
    [Params(false, true)]
    public bool EventIndex { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _memory = GuestMemory.Allocate(4 << 20);
        for (ushort i = 0; i < Size; i += 2)
        {
            _memory.Write(Descriptors + (16UL * i), Header.Value);
            _memory.Write(Descriptors + (16UL * i) + 8, 44UL | (1UL << 32) | ((ulong)(i + 1) << 48));
            _memory.Write(Descriptors + (16UL * i) + 16, Data.Value);
            _memory.Write(Descriptors + (16UL * i) + 24, 4096UL);
        }

        _queue = new Virtqueue(_memory, Size, problem => throw new InvalidOperationException(problem)) { UsesEventIndex = EventIndex };
        _queue.State.Size = Size;
        (_queue.State.DescriptorTable, _queue.State.AvailableRing, _queue.State.UsedRing) = (Descriptors, Available, Used);
        _queue.Enable();
    }

    [GlobalCleanup]
    public void Cleanup() => _memory.Dispose();

    [Benchmark]
    public int PopReadPush()
    {
        _memory.Write(Available + 4 + (2UL * (uint)(_available % Size)), (ushort)(_available % (Size / 2) * 2));
        _memory.Write(Available + 2, ++_available);
        _queue.TryPop(out DescriptorChain chain);
        int read = chain.Read(0, _header);
        _queue.Push(chain.Head, 0);
        _queue.TakeInterrupt();
        return read;
    }
}
