using EnclaveTesting.Engine.Devices.Virtio;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Devices.Virtio;

/// <summary>The driver's side of a split virtqueue in guest memory (virtio 1.2, section 2.7): obedient by its methods, hostile by the raw ones.</summary>
internal sealed class DriverQueue
{
    public const ushort Next = 1, Writable = 2, Indirect = 4, NoInterrupt = 1;

    private readonly GuestMemory _memory;
    private readonly Stack<ushort> _free = new();
    private readonly Dictionary<ushort, ushort[]> _chains = [];
    private ushort _available, _used;

    /// <summary>Lays the rings out at <paramref name="start"/>, which is aligned to 16 bytes.</summary>
    public DriverQueue(GuestMemory memory, ushort size, GuestAddress start)
    {
        _memory = memory;
        Size = size;
        Descriptors = start;
        Available = start + (16UL * size);
        Used = new GuestAddress((Available.Value + 6 + (2UL * size) + 3) & ~3UL);
        for (int i = size - 1; i >= 0; i--)
            _free.Push((ushort)i);
    }

    public ushort Size { get; }

    public GuestAddress Descriptors { get; }

    public GuestAddress Available { get; }

    public GuestAddress Used { get; }

    /// <summary>The first address behind the rings.</summary>
    public GuestAddress End => Used + (6 + (8UL * Size));

    public int FreeDescriptors => _free.Count;

    /// <summary>How many chains the device has not given back.</summary>
    public int Outstanding => _chains.Count;

    /// <summary>The available ring's flags: whether the driver wants no interrupts (without event index).</summary>
    public ushort AvailableFlags
    {
        set => _memory.Write(Available, value);
    }

    public ushort AvailableIndex
    {
        get => Read(Available + 2);
        set => _memory.Write(Available + 2, _available = value);
    }

    /// <summary>The used index after which the driver wants an interrupt (event index).</summary>
    public ushort UsedEvent
    {
        set => _memory.Write(Available + (4 + (2UL * Size)), value);
    }

    public ushort UsedIndex => Read(Used + 2);

    /// <summary>The available index after which the device wants to be rung (event index).</summary>
    public ushort AvailableEvent => Read(Used + (4 + (8UL * Size)));

    /// <summary>Tells the virtqueue where the rings are, as a transport would.</summary>
    public void Configure(Virtqueue queue)
    {
        queue.State.Size = Size;
        queue.State.DescriptorTable = Descriptors;
        queue.State.AvailableRing = Available;
        queue.State.UsedRing = Used;
    }

    /// <summary>Makes a chain available.</summary>
    /// <returns>Its head.</returns>
    public ushort Add(params ReadOnlySpan<DriverBuffer> buffers)
    {
        ushort[] indices = new ushort[buffers.Length];
        for (int i = 0; i < indices.Length; i++)
            indices[i] = _free.Pop();
        for (int i = 0; i < indices.Length; i++)
        {
            bool last = i == indices.Length - 1;
            WriteDescriptor(Descriptors, indices[i], buffers[i].Address, buffers[i].Length,
                (ushort)((buffers[i].Writable ? Writable : 0) | (last ? 0 : Next)), last ? (ushort)0 : indices[i + 1]);
        }

        _chains.Add(indices[0], indices);
        MakeAvailable(indices[0]);
        return indices[0];
    }

    /// <summary>Makes a chain available that lies in an indirect table at <paramref name="table"/>.</summary>
    public ushort AddIndirect(GuestAddress table, params ReadOnlySpan<DriverBuffer> buffers)
    {
        for (int i = 0; i < buffers.Length; i++)
        {
            bool last = i == buffers.Length - 1;
            WriteDescriptor(table, (ushort)i, buffers[i].Address, buffers[i].Length, (ushort)((buffers[i].Writable ? Writable : 0) | (last ? 0 : Next)), (ushort)(i + 1));
        }

        ushort head = _free.Pop();
        _chains.Add(head, [head]);
        WriteDescriptor(head, table, 16 * (uint)buffers.Length, Indirect, 0);
        MakeAvailable(head);
        return head;
    }

    /// <summary>Takes back what the device has used.</summary>
    public bool TryTakeUsed(out ushort head, out uint length)
    {
        head = 0;
        length = 0;
        if (_used == UsedIndex)
            return false;
        _memory.TryRead(Used + (4 + (8UL * (uint)(_used & (Size - 1)))), out ulong element).Should().BeTrue();
        _used++;
        head = (ushort)element;
        length = (uint)(element >> 32);
        _chains.Remove(head, out ushort[]? indices).Should().BeTrue("chain {0} was available", head);
        foreach (ushort index in indices!)
            _free.Push(index);
        return true;
    }

    public void MakeAvailable(ushort head)
    {
        _memory.Write(Available + (4 + (2UL * (uint)(_available & (Size - 1)))), head);
        AvailableIndex = (ushort)(_available + 1);
    }

    public void WriteDescriptor(ushort index, GuestAddress address, uint length, ushort flags, ushort next) =>
        WriteDescriptor(Descriptors, index, address, length, flags, next);

    public void WriteDescriptor(GuestAddress table, ushort index, GuestAddress address, uint length, ushort flags, ushort next)
    {
        GuestAddress descriptor = table + (16UL * index);
        _memory.Write(descriptor, address.Value);
        _memory.Write(descriptor + 8, length | ((ulong)flags << 32) | ((ulong)next << 48));
    }

    private ushort Read(GuestAddress address)
    {
        _memory.TryRead(address, out ushort value).Should().BeTrue();
        return value;
    }
}
