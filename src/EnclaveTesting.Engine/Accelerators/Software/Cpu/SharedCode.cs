using System.Numerics;
using System.Runtime.InteropServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>
/// Blocks that a machine had decoded when it was captured, for its clones, which have the same code in the same places: copying a block and comparing
/// its bytes is cheaper than decoding it. Never changes. Shared: lives until the last user has released it.
/// </summary>
internal sealed unsafe class SharedCode : IDisposable
{
    // What is beyond it is decoded again.
    private const nuint MostBytes = 8 << 20;

    private readonly byte* _blocks;
    private readonly Block** _table;
    private readonly uint _last;
    private int _users = 1;

    /// <summary>Copies blocks.</summary>
    /// <param name="blocks">Living blocks of the same processor and memory, each on one page.</param>
    public SharedCode(IReadOnlyList<nint> blocks)
    {
        nuint bytes = 0;
        while (Count < blocks.Count && bytes + SizeOf((Block*)blocks[Count]) <= MostBytes)
            bytes += SizeOf((Block*)blocks[Count++]);
        _blocks = (byte*)NativeMemory.AlignedAlloc(Math.Max(bytes, 1), 64);
        uint places = BitOperations.RoundUpToPowerOf2((uint)((2 * Count) + 1));
        _last = places - 1;
        _table = (Block**)NativeMemory.AllocZeroed(places, (nuint)sizeof(Block*));
        byte* next = _blocks;
        for (int i = 0; i < Count; i++)
        {
            var block = (Block*)blocks[i];
            nuint size = SizeOf(block);
            NativeMemory.Copy(block, next, size);
            *Place(block->Ram, block->Mode) = (Block*)next;
            next += size;
        }
    }

    /// <summary>How many blocks.</summary>
    public int Count { get; }

    /// <summary>The block that was decoded from this place, or null. What is there now may be something else.</summary>
    public Block* Find(ulong ram, uint mode) => *Place(ram, mode);

    /// <summary>Another user, who disposes it too; null once the last one has.</summary>
    public SharedCode? TryShare()
    {
        int users = Volatile.Read(ref _users);
        while (users > 0)
        {
            int found = Interlocked.CompareExchange(ref _users, users + 1, users);
            if (found == users)
                return this;
            users = found;
        }

        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _users) != 0)
            return;
        NativeMemory.AlignedFree(_blocks);
        NativeMemory.Free(_table);
    }

    // At most half of the places are taken.
    private Block** Place(ulong ram, uint mode)
    {
        uint place = (uint)((ram * 0x9E37_79B9_7F4A_7C15) >> 32) ^ mode;
        while (true)
        {
            Block** entry = _table + (place & _last);
            if (*entry == null || ((*entry)->Ram == ram && (*entry)->Mode == mode))
                return entry;
            place++;
        }
    }

    private static nuint SizeOf(Block* block) => (nuint)Block.Size(block->Ops, block->Bytes);
}
