using System.Numerics;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices.Virtio;

/// <summary>
/// A split virtqueue (virtio 1.2, section 2.7) with indirect descriptors and event index. Everything in the rings is the
/// guest's word and is checked; the first broken rule is reported to the transport and stops the queue.
/// </summary>
/// <param name="memory">The guest's RAM, where the rings are.</param>
/// <param name="maximumSize">The largest size, a power of two.</param>
/// <param name="fault">Takes what rule the driver broke.</param>
internal sealed class Virtqueue(GuestMemory memory, ushort maximumSize, Action<string> fault)
{
    private const int DescriptorSize = 16, UsedElementSize = 8, RingHeader = 4;
    private const ushort Next = 1, Writable = 2, Indirect = 4, NoInterrupt = 1;

    private readonly DescriptorChain _chain = new(memory, maximumSize);

    public VirtqueueState State { get; private set; } = new();

    public ushort MaximumSize => maximumSize;

    /// <summary>Whether the driver may use indirect descriptors.</summary>
    public bool AllowsIndirect { get; set; }

    /// <summary>Whether notifications are steered by event indices.</summary>
    public bool UsesEventIndex { get; set; }

    public void Reset() => State = new VirtqueueState();

    /// <summary>Puts the queue to use; false, and a fault, if its size or its rings are impossible.</summary>
    public bool Enable()
    {
        if (FindProblem() is { } problem)
        {
            fault(problem);
            return false;
        }

        State.Ready = true;
        return true;
    }

    /// <summary>Saves the queue or restores one, whose place in memory is checked as if the driver had just said it.</summary>
    public void Exchange(StateArchive archive)
    {
        AllowsIndirect = archive.Flag(AllowsIndirect);
        UsesEventIndex = archive.Flag(UsesEventIndex);
        State.Exchange(archive);
        string? problem = archive.IsReading && State.Ready ? FindProblem() : null;
        archive.Require(problem is null, "a virtqueue that can be", problem ?? "");
    }

    /// <summary>Whether there is a chain to take. If there is none, the driver will ring when there is.</summary>
    public bool HasAvailable()
    {
        if (!State.Ready)
            return false;
        if (AvailableIndex() != State.NextAvailable)
            return true;
        if (!UsesEventIndex)
            return false;
        memory.TryWriteByDevice(State.UsedRing + (RingHeader + ((ulong)UsedElementSize * State.Size)), State.NextAvailable);
        // The driver may have added a chain before it saw the index: look once more, after the store is visible.
        Interlocked.MemoryBarrier();
        return AvailableIndex() != State.NextAvailable;
    }

    /// <summary>Takes the next chain; it is valid until the next call.</summary>
    public bool TryPop(out DescriptorChain chain)
    {
        chain = _chain;
        if (!HasAvailable())
            return false;
        ushort waiting = (ushort)(AvailableIndex() - State.NextAvailable);
        if (waiting > State.Size)
            return Refuse($"the available index is {waiting} entries ahead in a virtqueue of {State.Size}");
        memory.TryRead(State.AvailableRing + (RingHeader + (2UL * (uint)(State.NextAvailable & (State.Size - 1)))), out ushort head);
        State.NextAvailable++;
        return Walk(head) is not { } problem || Refuse(problem);
    }

    /// <summary>Gives a chain back.</summary>
    /// <param name="head">The chain's head.</param>
    /// <param name="written">How many bytes the device has written into it.</param>
    public void Push(ushort head, uint written)
    {
        GuestAddress element = State.UsedRing + (RingHeader + ((ulong)UsedElementSize * (uint)(State.NextUsed & (State.Size - 1))));
        memory.TryWriteByDevice(element, head | ((ulong)written << 32));
        State.NextUsed++;
        // The element must be there before the index says so.
        Volatile.WriteBarrier();
        memory.TryWriteByDevice(State.UsedRing + 2, State.NextUsed);
    }

    /// <summary>Whether the driver wants an interrupt for what was given back since the last call.</summary>
    public bool TakeInterrupt()
    {
        ushort old = State.DecidedUsed, now = State.NextUsed;
        if (old == now)
            return false;
        State.DecidedUsed = now;
        // The used index must be visible before the driver's wish is read.
        Interlocked.MemoryBarrier();
        if (!UsesEventIndex)
        {
            memory.TryRead(State.AvailableRing, out ushort flags);
            return (flags & NoInterrupt) == 0;
        }

        memory.TryRead(State.AvailableRing + (RingHeader + (2UL * State.Size)), out ushort usedEvent);
        return (ushort)(now - usedEvent - 1) < (ushort)(now - old);
    }

    private string? FindProblem()
    {
        ushort size = State.Size;
        return !BitOperations.IsPow2(size) || size > maximumSize ? $"a virtqueue cannot have {size} entries (at most {maximumSize}, a power of two)"
            : CheckRing("descriptor table", State.DescriptorTable, 16, (ulong)size * DescriptorSize)
            ?? CheckRing("available ring", State.AvailableRing, 2, RingHeader + (2UL * size) + 2)
            ?? CheckRing("used ring", State.UsedRing, 4, RingHeader + ((ulong)UsedElementSize * size) + 2);
    }

    private ushort AvailableIndex()
    {
        memory.TryRead(State.AvailableRing + 2, out ushort index);
        // What the index announces is read after it.
        Volatile.ReadBarrier();
        return index;
    }

    private bool Refuse(string problem)
    {
        fault(problem);
        return false;
    }

    private string? Walk(ushort head)
    {
        _chain.Begin(head);
        GuestAddress table = State.DescriptorTable;
        uint size = State.Size, index = head;
        bool inIndirect = false;
        while (true)
        {
            if (index >= size)
                return $"descriptor {index} does not exist in a table of {size}";
            GuestAddress descriptor = table + ((ulong)index * DescriptorSize);
            memory.TryRead(descriptor, out ulong address);
            memory.TryRead(descriptor + 8, out ulong rest);
            uint length = (uint)rest;
            ushort flags = (ushort)(rest >> 32);
            if ((flags & Indirect) != 0)
            {
                string? problem = CheckIndirect(flags, inIndirect, new GuestAddress(address), length);
                if (problem is not null)
                    return problem;
                inIndirect = true;
                table = new GuestAddress(address);
                size = length / DescriptorSize;
                index = 0;
                continue;
            }

            if (_chain.Append(new GuestAddress(address), length, (flags & Writable) != 0) is { } broken)
                return broken;
            if ((flags & Next) == 0)
                return null;
            index = (ushort)(rest >> 48);
        }
    }

    private string? CheckIndirect(ushort flags, bool inIndirect, GuestAddress address, uint length)
    {
        if (!AllowsIndirect)
            return "an indirect descriptor, which was not negotiated";
        if (inIndirect)
            return "an indirect descriptor inside an indirect table";
        if ((flags & Next) != 0)
            return "an indirect descriptor with a next one";
        if (length == 0 || length % DescriptorSize != 0)
            return $"an indirect table of {length} bytes";
        return memory.Contains(address, length) ? null : $"an indirect table of {length} bytes at {address}, which is not all RAM";
    }

    private string? CheckRing(string name, GuestAddress address, ulong alignment, ulong length)
    {
        if (address.Value % alignment != 0)
            return $"the {name} at {address} is not aligned to {alignment} bytes";
        return memory.Contains(address, length) ? null : $"the {name} of {length} bytes at {address} is not all RAM";
    }
}
