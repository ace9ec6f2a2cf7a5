using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>The translations of one machine. On the machine's thread, except <see cref="Complete"/>.</summary>
internal sealed unsafe class RegionTable
{
    // Heat of a block that is not asked for again: its translation is on the way, or there is none.
    private const int Waiting = int.MaxValue;

    // A fraction of the executions that make a block hot makes it part of a hot block's region.
    private const int WarmShare = 8;

    // What is eager is translated at once, but not what runs only once.
    private const int EagerHeat = 2000;

    private readonly CodeCache _code;
    private readonly bool _anew;
    private readonly ConcurrentQueue<TranslationRequest> _completed = new();
    private readonly Stack<int> _free = new();
    private Region?[] _regions = new Region?[64];
    private int _used = 1;
    private long _epoch;
    private bool _closed;

    public RegionTable(CodeCache code, TranslationMode mode)
    {
        _code = code;
        Mode = RuntimeFeature.IsDynamicCodeCompiled ? mode : TranslationMode.Off;
        _anew = Mode == TranslationMode.Immediate;
        if (Mode != TranslationMode.Off)
            TranslationCache.Shared.Join();
    }

    /// <summary>Whether and when code is translated.</summary>
    public TranslationMode Mode { get; }

    /// <summary>Regions that have come into use.</summary>
    public long Installed { get; private set; }

    /// <summary>How often a new block must be executed to be hot.</summary>
    public int InitialHeat => Mode switch
    {
        TranslationMode.Background => Block.InitialHeat,
        TranslationMode.Off => Waiting,
        TranslationMode.Eager => EagerHeat,
        _ => 0,
    };

    /// <summary>Whether the machine has ended, so that nobody waits for translations.</summary>
    public bool IsClosed => Volatile.Read(ref _closed);

    /// <summary>The region of a block without heat, or null: interpret it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Region? Get(Block* block) => block->Region != 0 && !_anew ? _regions[block->Region] : Find(block);

    /// <summary>From the translating thread: a request is done.</summary>
    public void Complete(TranslationRequest request) => _completed.Enqueue(request);

    /// <summary>Brings what has been translated into use; not while a block executes.</summary>
    public void Install()
    {
        if (_completed.IsEmpty)
            return;
        while (_completed.TryDequeue(out TranslationRequest? request))
        {
            if (request.Epoch != _epoch || request.Result is not { } translation)
                continue;
            bool alive = true;
            foreach (nint block in request.Blocks)
                alive &= ((Block*)block)->Ram != ulong.MaxValue;
            if (alive)
                Add(translation, request.Blocks);
        }
    }

    /// <summary>A block is dead.</summary>
    public void Forget(Block* block)
    {
        block->Heat = Waiting;
        Drop(block);
    }

    /// <summary>All blocks are gone.</summary>
    public void Clear()
    {
        Array.Clear(_regions);
        _free.Clear();
        _used = 1;
        _epoch++;
    }

    /// <summary>The machine ends.</summary>
    public void Close()
    {
        Volatile.Write(ref _closed, true);
        Clear();
        if (Mode != TranslationMode.Off)
            TranslationCache.Shared.Leave();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Region? Find(Block* block)
    {
        if (Mode == TranslationMode.Immediate)
            return TranslateNow(block, int.MaxValue);
        block->Heat = Waiting;
        if (Mode == TranslationMode.Off || !RegionSelector.IsEligible(block))
            return null;
        if (Mode == TranslationMode.Eager)
            return TranslateNow(block, EagerHeat - 1);
        var selector = new RegionSelector(_code, block, Block.InitialHeat - (Block.InitialHeat / WarmShare));
        var request = new TranslationRequest(this, selector.Copy(), [.. selector.Blocks], _epoch);
        if (!TranslationCache.Shared.TryRequest(request))
            block->Heat = Block.InitialHeat;
        return null;
    }

    private Region? TranslateNow(Block* block, int warm)
    {
        if (!RegionSelector.IsEligible(block))
            return null;
        Region? region = block->Region == 0 ? null : _regions[block->Region];
        var selector = new RegionSelector(_code, block, warm);
        if (region != null && region.Count == selector.Blocks.Count)
            return region;
        if (TranslationCache.Shared.Translate(selector.Copy()) is not { } translation)
            return null;
        Drop(block);
        Add(translation, [.. selector.Blocks]);
        return _regions[block->Region];
    }

    private void Drop(Block* block)
    {
        if (block->Region == 0)
            return;
        _regions[block->Region] = null;
        _free.Push(block->Region);
        block->Region = 0;
    }

    private void Add(Translation translation, ReadOnlySpan<nint> blocks)
    {
        var entry = (Block*)blocks[0];
        if (entry->Region != 0)
            return;
        if (!_free.TryPop(out int index))
        {
            index = _used++;
            if (index == _regions.Length)
                Array.Resize(ref _regions, 2 * _regions.Length);
        }

        _regions[index] = new Region(translation, blocks);
        entry->Region = index;
        entry->Heat = 0;
        Installed++;
    }
}
