using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>
/// The decoded code of one machine, by place in RAM and mode. Pages with code are watched: a store there kills the page's blocks.
/// Used on the machine's thread only.
/// </summary>
internal sealed unsafe class CodeCache : IDisposable
{
    private const int Buckets = 1 << 15;

    // 40 MiB: all that an enclave has besides its guest's memory is to stay within 64.
    private const int ChunkBytes = 1 << 21, MaximumChunks = 20;
    private const int PageShift = 12, GranuleShift = 6;

    // A machine that has decoded little since its code was last shared shares the same again: this many blocks, or the part of what is shared.
    private const int FewBlocks = 256, FewPart = 8;

    private readonly GuestMemory _memory;
    private readonly List<SoftwareCpu> _cpus = [];
    private readonly List<nint> _chunks = [];
    private readonly Block** _buckets;
    private readonly ulong* _masks;
    private readonly Block** _pages;
    private readonly ulong _pageCount;
    private int _chunk;
    private int _used;
    private ulong _generation;
    private int _owners;
    private SharedCode? _shared;
    private long _decodedWhenShared;

    public CodeCache(GuestMemory memory, TranslationMode translation)
    {
        _memory = memory;
        Regions = new RegionTable(this, translation);
        _pageCount = (ulong)memory.Size >> PageShift;
        _buckets = (Block**)NativeMemory.AllocZeroed(Buckets, (nuint)sizeof(Block*));
        _masks = (ulong*)NativeMemory.AllocZeroed((nuint)_pageCount, sizeof(ulong));
        _pages = (Block**)NativeMemory.AllocZeroed((nuint)_pageCount, (nuint)sizeof(Block*));
    }

    /// <summary>What of the code is translated.</summary>
    public RegionTable Regions { get; }

    /// <summary>CPUs of the machine.</summary>
    public int CpuCount => _owners;

    /// <summary>Blocks decoded since the start.</summary>
    public long Decoded { get; private set; }

    /// <summary>Blocks taken from what another machine had decoded.</summary>
    public long Adopted { get; private set; }

    /// <summary>Pages whose code was thrown away because somebody wrote there.</summary>
    public long Invalidations { get; private set; }

    /// <summary>A CPU joins the machine.</summary>
    public void Join(SoftwareCpu cpu)
    {
        _cpus.Add(cpu);
        _owners++;
    }

    /// <summary>A CPU leaves; the last one frees the memory.</summary>
    public void Leave(SoftwareCpu cpu)
    {
        _cpus.Remove(cpu);
        if (--_owners == 0)
            Dispose();
    }

    /// <summary>The newest of those numbers.</summary>
    public ulong Generation => _generation;

    /// <summary>A number that no CPU has used for its mappings before.</summary>
    public ulong NextGeneration() => ++_generation;

    /// <summary>Whether stores to the RAM page at this physical address are watched.</summary>
    public bool IsWatched(ulong physicalPage) =>
        _memory.TryTranslate(physicalPage, MemoryLayout.PageSize, out ulong offset) && _masks[offset >> PageShift] != 0;

    /// <summary>The block that was decoded from this place, or null. Its bytes are compared, so that writes by devices are seen.</summary>
    [MethodImpl(Jit.Hot)]
    public Block* Find(ulong ram, uint mode)
    {
        for (Block* block = _buckets[Bucket(ram, mode)]; block != null; block = block->NextInBucket)
        {
            if (block->Ram != ram || block->Mode != mode)
                continue;
            if (IsUnchanged(block))
                return block;
            KillPage(ram >> PageShift);
            return null;
        }

        return null;
    }

    /// <summary>The block that was decoded from this place, or null; nothing is compared or changed.</summary>
    public Block* Peek(ulong ram, uint mode)
    {
        Block* block = _buckets[Bucket(ram, mode)];
        while (block != null && (block->Ram != ram || block->Mode != mode))
            block = block->NextInBucket;
        return block;
    }

    /// <summary>Begins with code that another machine with the same processor has decoded; takes it over.</summary>
    public void Inherit(SharedCode code) => _shared = code;

    /// <summary>The code decoded so far, for machines that go on from here; the caller's to dispose. While no CPU runs.</summary>
    public SharedCode Share()
    {
        if (_shared is null || Decoded - _decodedWhenShared > FewBlocks + (_shared.Count / FewPart))
        {
            _shared?.Dispose();
            _shared = new SharedCode(ListBlocks());
            _decodedWhenShared = Decoded;
        }

        return _shared.TryShare()!;
    }

    /// <summary>Takes the block of a place from inherited code, if memory holds there now what it was decoded from; null if not. As <see cref="Allocate"/>.</summary>
    [MethodImpl(Jit.Hot)]
    public Block* TryAdopt(ulong ram, uint mode, ulong physicalPage)
    {
        if (_shared is not { } shared)
            return null;
        Block* original = shared.Find(ram, mode);
        if (original == null || !IsUnchanged(original))
            return null;
        Block* block = Allocate(original->Ops, original->Bytes);
        NativeMemory.Copy(original, block, (nuint)Block.Size(original->Ops, original->Bytes));
        new Span<Link>(Block.Links(block), 2).Clear();
        Insert(block, physicalPage);
        Adopted++;
        return block;
    }

    /// <summary>Room for a block; may throw all blocks away, so never while one executes.</summary>
    [MethodImpl(Jit.Hot)]
    public Block* Allocate(int ops, int bytes)
    {
        int size = Block.Size(ops, bytes);
        if (_chunks.Count == 0 || _used + size > ChunkBytes)
        {
            if (_chunks.Count > 0 && ++_chunk == MaximumChunks)
                Clear();
            if (_chunk == _chunks.Count)
                _chunks.Add((nint)NativeMemory.AlignedAlloc(ChunkBytes, 64));
            _used = 0;
        }

        var block = (Block*)(_chunks[_chunk] + _used);
        _used += size;
        return block;
    }

    /// <summary>Takes in a block that has just been decoded.</summary>
    [MethodImpl(Jit.Hot)]
    public void InsertNew(Block* block, ulong physicalPage)
    {
        Decoded++;
        Insert(block, physicalPage);
    }

    /// <summary>A CPU has written to RAM the slow way, within one page.</summary>
    [MethodImpl(Jit.Hot)]
    public void Written(ulong ram, uint length)
    {
        ulong page = ram >> PageShift;
        if (_masks[page] != 0 && (_masks[page] & Mask((int)(ram & (MemoryLayout.PageSize - 1)), (int)length)) != 0)
            KillPage(page);
    }

    /// <summary>Somebody has written to RAM anywhere.</summary>
    public void WrittenRange(ulong ram, ulong length)
    {
        ulong end = Math.Min(ram + length, _pageCount << PageShift);
        while (ram < end)
        {
            ulong piece = Math.Min(MemoryLayout.PageSize - (ram & (MemoryLayout.PageSize - 1)), end - ram);
            Written(ram, (uint)piece);
            ram += piece;
        }
    }

    /// <summary>Throws everything away.</summary>
    public void Clear()
    {
        NativeMemory.Clear(_buckets, (nuint)(Buckets * sizeof(Block*)));
        for (ulong page = 0; page < _pageCount; page++)
        {
            // Reading only: the tables of pages without code stay untouched by the host.
            if (_masks[page] != 0)
            {
                _masks[page] = 0;
                _pages[page] = null;
            }
        }

        _chunk = 0;
        _used = 0;
        Regions.Clear();
        foreach (SoftwareCpu cpu in _cpus)
            cpu.NewGeneration();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Regions.Close();
        _shared?.Dispose();
        _shared = null;
        foreach (nint chunk in _chunks)
            NativeMemory.AlignedFree((void*)chunk);
        _chunks.Clear();
        NativeMemory.Free(_buckets);
        NativeMemory.Free(_masks);
        NativeMemory.Free(_pages);
    }

    private static uint Bucket(ulong ram, uint mode) => (uint)(((ram * 0x9E37_79B9_7F4A_7C15) >> 40) ^ (mode * 0x9E37)) & (Buckets - 1);

    /// <summary>One bit for each 64 bytes that a range touches.</summary>
    private static ulong Mask(int start, int length)
    {
        int first = start >> GranuleShift;
        int last = Math.Min((start + Math.Max(length, 1) - 1) >> GranuleShift, 63);
        return (ulong.MaxValue << first) & (ulong.MaxValue >> (63 - last));
    }

    [MethodImpl(Jit.Hot)]
    private bool IsUnchanged(Block* block)
    {
        var code = new ReadOnlySpan<byte>(Block.Code(block), block->Bytes);
        int onFirst = (int)Math.Min(MemoryLayout.PageSize - (block->Ram & (MemoryLayout.PageSize - 1)), (ulong)code.Length);
        if (!code[..onFirst].SequenceEqual(new ReadOnlySpan<byte>(_memory.HostBase + block->Ram, onFirst)))
            return false;
        return onFirst == code.Length
            || code[onFirst..].SequenceEqual(new ReadOnlySpan<byte>(_memory.HostBase + block->SecondPage, code.Length - onFirst));
    }

    [MethodImpl(Jit.Hot)]
    private void Insert(Block* block, ulong physicalPage)
    {
        block->Heat = Regions.InitialHeat;
        block->Region = 0;
        ulong page = block->Ram >> PageShift;
        if (_masks[page] == 0)
        {
            foreach (SoftwareCpu cpu in _cpus)
                cpu.WatchPage(physicalPage);
        }

        int start = (int)(block->Ram & (MemoryLayout.PageSize - 1));
        _masks[page] |= Mask(start, block->Bytes);
        block->NextInPage = _pages[page];
        _pages[page] = block;
        ref Block* bucket = ref _buckets[Bucket(block->Ram, block->Mode)];
        block->NextInBucket = bucket;
        bucket = block;
    }

    private List<nint> ListBlocks()
    {
        const uint stepped = (uint)CpuMode.Stepped;
        var blocks = new List<nint>();
        for (int i = 0; i < Buckets; i++)
        {
            for (Block* block = _buckets[i]; block != null; block = block->NextInBucket)
            {
                if (block->SecondPage == ulong.MaxValue && (block->Mode & stepped) == 0)
                    blocks.Add((nint)block);
            }
        }

        return blocks;
    }

    [MethodImpl(Jit.Hot)]
    private void KillPage(ulong page)
    {
        Invalidations++;
        Block* next;
        for (Block* block = _pages[page]; block != null; block = next)
        {
            next = block->NextInPage;
            Unlink(block);
            block->Ram = ulong.MaxValue;
            Regions.Forget(block);
            Op* op = Block.FirstOp(block);
            for (int i = 0; i < block->Ops; i++)
                op[i].Execute = &Integer.BlockEnds.Dead;
        }

        _pages[page] = null;
        _masks[page] = 0;
        foreach (SoftwareCpu cpu in _cpus)
            cpu.NewGeneration();
    }

    [MethodImpl(Jit.Hot)]
    private void Unlink(Block* block)
    {
        Block** place = _buckets + Bucket(block->Ram, block->Mode);
        while (*place != block)
            place = &(*place)->NextInBucket;
        *place = block->NextInBucket;
    }
}
