using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Chooses which blocks are translated together: what links have been seen to lead to, and what calls return to.</summary>
internal sealed unsafe class RegionSelector
{
    private const int MaximumBlocks = 24, MaximumOps = 128;

    private static readonly nint DirectCall = (nint)InstructionSet.Table.Find(Code.Call_rel32_64, false);
    private static readonly nint CallByRegister = (nint)InstructionSet.Table.Find(Code.Call_rm64, false);
    private static readonly nint CallByMemory = (nint)InstructionSet.Table.Find(Code.Call_rm64, true);

    private readonly CodeCache _code;
    private readonly int _warm;
    private readonly List<nint> _blocks = [];
    private readonly List<long> _distances = [];
    private readonly List<bool> _followsCall = [];
    private int _ops;

    /// <summary>Selects the region that begins with a block.</summary>
    /// <param name="code">Where the blocks are.</param>
    /// <param name="entry">An eligible block.</param>
    /// <param name="warm">Blocks with more heat left than this stay outside: they hardly ever run.</param>
    public RegionSelector(CodeCache code, Block* entry, int warm)
    {
        _code = code;
        _warm = warm;
        Add(entry, 0, followsCall: false);
        for (int i = 0; i < _blocks.Count; i++)
        {
            var block = (Block*)_blocks[i];
            for (int side = 0; side < 2; side++)
            {
                Link* link = Block.Links(block) + side;
                if (IsLinked(link) && IsWanted(link->Target, entry))
                    Add(link->Target, _distances[i] + Reach(block, side), followsCall: false);
            }

            if (Returning(block) is { } bytes && (block->Ram & (Memory.MemoryLayout.PageSize - 1)) + (ulong)bytes < Memory.MemoryLayout.PageSize)
            {
                Block* next = code.Peek(block->Ram + (ulong)bytes, block->Mode);
                if (next != null && IsWanted(next, entry))
                    Add(next, _distances[i] + bytes, followsCall: true);
            }
        }
    }

    /// <summary>The blocks, the entry first, in the order in which they are reached.</summary>
    public IReadOnlyList<nint> Blocks => _blocks;

    /// <summary>Whether a block can be translated at all.</summary>
    public static bool IsEligible(Block* block) =>
        block->Ram != ulong.MaxValue && block->SecondPage == ulong.MaxValue
        && (block->Mode & (uint)(CpuMode.CodeSize | CpuMode.Stepped)) == (uint)CpuMode.Code64;

    /// <summary>Copies the blocks.</summary>
    public RegionSource Copy()
    {
        var source = new SourceBlock[_blocks.Count];
        for (int i = 0; i < source.Length; i++)
        {
            var block = (Block*)_blocks[i];
            source[i] = new SourceBlock
            {
                Distance = _distances[i],
                FollowsCall = _followsCall[i],
                Ops = new ReadOnlySpan<Op>(Block.FirstOp(block), block->Ops).ToArray(),
                Instructions = block->Instructions,
                Code = new ReadOnlySpan<byte>(Block.Code(block), block->Bytes).ToArray(),
                Taken = Find(i, 0),
                NotTaken = Find(i, 1),
            };
        }

        return new RegionSource { Mode = (CpuMode)((Block*)_blocks[0])->Mode, Blocks = source };
    }

    /// <summary>From a block's start to where a link leads.</summary>
    private static long Reach(Block* block, int side)
    {
        Op* last = Block.FirstOp(block) + (block->Ops - 1);
        return side == 0 ? last->Immediate : last->Offset + last->Length;
    }

    /// <summary>From a block's start to where the call at its end returns to.</summary>
    private static long? Returning(Block* block)
    {
        Op* last = Block.FirstOp(block) + (block->Ops - 1);
        var handler = (nint)last->Execute;
        return handler == DirectCall || handler == CallByRegister || handler == CallByMemory ? last->Offset + last->Length : null;
    }

    private bool IsLinked(Link* link) => link->Generation == Link.Always || (link->Generation != 0 && link->Generation == _code.Generation);

    private bool IsWanted(Block* block, Block* entry)
    {
        bool isWarm = block->Heat <= _warm || block->Heat > Block.InitialHeat || block->Region != 0;
        return isWarm && IsEligible(block) && block->Mode == entry->Mode && _blocks.Count < MaximumBlocks
            && _ops + block->Ops <= MaximumOps && !_blocks.Contains((nint)block);
    }

    private void Add(Block* block, long distance, bool followsCall)
    {
        _ops += block->Ops;
        _blocks.Add((nint)block);
        _distances.Add(distance);
        _followsCall.Add(followsCall);
    }

    private SourceWay Find(int index, int side)
    {
        var block = (Block*)_blocks[index];
        Link* link = Block.Links(block) + side;
        if (!IsLinked(link))
            return SourceWay.Out;

        // The same code may be mapped twice; the region knows it at one address.
        int target = _blocks.IndexOf((nint)link->Target);
        return target >= 0 && _distances[target] == _distances[index] + Reach(block, side)
            ? new SourceWay(target, link->Generation != Link.Always)
            : SourceWay.Out;
    }
}
