using System.Runtime.CompilerServices;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>The run loop: from block to block.</summary>
internal sealed unsafe partial class SoftwareCpu
{
    internal const int JumpEntries = 4096;
    private const int FetchEntries = 256;

    private readonly JumpEntry* _jumps;
    private readonly FetchEntry* _fetches;
    private ulong _generation;
    private CpuMode _mode;

    /// <summary>The link of the jump that ended the block, or null if the next block must be looked up.</summary>
    private Link* _link;

    /// <summary>The op in the block just executed that did not go on to the next, where the block ended without a link.</summary>
    private int _leftAt;

    /// <summary>The op of the block at which a translation has left the rest of it to the interpreter, or -1.</summary>
    private int _takeOverAt = -1;

    /// <summary>The block was left before the op, which was not executed or not to its end.</summary>
    private bool _restart;

    /// <summary>The loop looks at everything else when <see cref="CpuState.Retired"/> gets here.</summary>
    private long _limit;
    private volatile bool _attention;

    /// <summary>What decoding depends on.</summary>
    internal CpuMode Mode => _mode;

    /// <summary>Executes about <paramref name="budget"/> instructions at most.</summary>
    [MethodImpl(Jit.Hot)]
    public CpuStop Run(long budget)
    {
        CpuState* state = State;
        long end = state->Retired + budget;
        if (!Begin(out CpuStop stop))
            return stop;
        Volatile.Write(ref _limit, end);
        Interlocked.MemoryBarrier();
        if (_attention)
            Volatile.Write(ref _limit, long.MinValue);
        RegionTable regions = _code.Regions;
        regions.Install();
        Block* block = null;
        while (true)
        {
            if (block == null || state->Retired >= Volatile.Read(ref _limit))
            {
                if (Pause(end, out stop))
                    return stop;
                block = Lookup();
                if (block == null)
                    continue;
            }

            int heat = block->Heat;
            if (heat <= 0 && regions.Get(block) is { } region)
            {
                block = region.Code(this, state, region.Blocks);
                GC.KeepAlive(region);
                if (_takeOverAt >= 0)
                    FinishBlock(block);
            }
            else
            {
                block->Heat--;
                state->Retired += block->Instructions;
                Op* first = Block.FirstOp(block);
                Op* op = first;
                while (op->Execute(this, op))
                    op++;
                _leftAt = (int)(op - first);
            }

            Link* link = _link;
            if (link == Link.Indirect && (block->Mode & (uint)CpuMode.Stepped) == 0)
            {
                JumpEntry* jump = Jump(state->Rip);
                block = jump->Rip == state->Rip && jump->Generation == _generation && jump->Mode == _mode ? jump->Block : null;
                continue;
            }

            if (link > Link.Indirect)
            {
                if (link->Generation == _generation || link->Generation == Link.Always)
                {
                    block = link->Target;
                    continue;
                }

                block = Follow(block, link);
                continue;
            }

            block = Leave(block, _leftAt);
        }
    }

    /// <summary>From any thread: leave <see cref="Run"/> at the next block boundary; an interrupt may be pending.</summary>
    public void RaiseAttention()
    {
        _attention = true;
        Interlocked.Exchange(ref _limit, long.MinValue);
    }

    /// <summary>Forgets <see cref="RaiseAttention"/>; between two runs, by whoever then looks at everything.</summary>
    public void ClearAttention() => _attention = false;

    /// <summary>A non-maskable interrupt is pending. On the machine's thread.</summary>
    public void RequestNmi()
    {
        State->NmiPending = 1;
        LookForInterrupts();
    }

    /// <summary>Ends the block behind an op, without a link: for what may have changed mode, mappings or interrupts.</summary>
    internal bool EndBlock(Op* op)
    {
        Advance(op);
        _link = null;
        return false;
    }

    /// <summary>Ends the block after a jump whose target is in RIP already, without a link.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool EndJump()
    {
        _link = null;
        return false;
    }

    /// <summary>Ends the block after a jump in the same mode whose target is in RIP already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool EndIndirect()
    {
        _link = Link.Indirect;
        return false;
    }

    /// <summary>Ends the block with a jump that the op's first or second link follows; RIP is set already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool EndLinked(Op* op, int link)
    {
        _link = (Link*)(op + 1) + link;
        return false;
    }

    /// <summary>Ends the block before an op, which will be executed again (an interrupted string instruction).</summary>
    internal bool Restart(Op* op)
    {
        State->Rip = RipOf(op);
        _link = null;
        _restart = true;
        return false;
    }

    /// <summary>Interrupts may have become possible: look at the end of the block.</summary>
    internal void LookForInterrupts() => Volatile.Write(ref _limit, long.MinValue);

    /// <summary>The links and everything found by linear address before are no longer valid.</summary>
    internal void NewGeneration() => _generation = _code.NextGeneration();

    /// <summary>RIP of an op.</summary>
    internal ulong RipOf(Op* op) => Wrap(State->Rip + op->Offset);

    /// <summary>Sets RIP behind an op.</summary>
    internal void Advance(Op* op) => State->Rip = Wrap(State->Rip + op->Offset + op->Length);

    /// <summary>RIP in the width of the current code segment.</summary>
    internal ulong Wrap(ulong rip) => (_mode & CpuMode.CodeSize) switch
    {
        CpuMode.Code64 => rip,
        CpuMode.Code32 => (uint)rip,
        _ => (_mode & CpuMode.Real) != 0 ? (ushort)rip : (uint)rip,
    };

    /// <summary>Interprets a block from the op on where a translation has left it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FinishBlock(Block* block)
    {
        Op* first = Block.FirstOp(block);
        Op* op = first + _takeOverAt;
        _takeOverAt = -1;
        while (op->Execute(this, op))
            op++;
        _leftAt = (int)(op - first);
    }

    private bool Begin(out CpuStop stop)
    {
        CpuState* state = State;
        stop = CpuStop.Halted;
        if (state->ShutDown != 0)
        {
            stop = CpuStop.TripleFault;
            return false;
        }

        if (state->WaitingForStartUp == 0)
        {
            if (state->InterruptShadow == 0)
                DeliverInterrupts();
            if (state->ShutDown != 0)
                stop = CpuStop.TripleFault;
            else if (state->Halted == 0)
                return true;
        }

        return false;
    }

    /// <summary>Between two blocks: everything that is not the next block. True: leave.</summary>
    [MethodImpl(Jit.Hot)]
    private bool Pause(long end, out CpuStop stop)
    {
        CpuState* state = State;
        stop = CpuStop.Budget;
        if (state->Halted != 0)
        {
            stop = CpuStop.Halted;
            return true;
        }

        if (state->ShutDown != 0)
        {
            stop = CpuStop.TripleFault;
            return true;
        }

        if (state->Retired >= Volatile.Read(ref _limit))
        {
            Volatile.Write(ref _limit, end);
            Interlocked.MemoryBarrier();
            if (state->InterruptShadow == 0)
                DeliverInterrupts();
            if (_attention)
            {
                _attention = false;
                stop = CpuStop.Attention;
                return true;
            }

            if (state->Retired >= end)
                return true;
        }

        return false;
    }

    private void DeliverInterrupts()
    {
        CpuState* state = State;
        if (state->NmiPending != 0 && state->NmiBlocked == 0)
        {
            state->NmiPending = 0;
            state->NmiBlocked = 1;
            state->Halted = 0;
            Interrupt(ExceptionVector.Nmi);
        }
        else if ((state->OtherFlags & CpuState.If) != 0)
        {
            int vector = _platform.TakeInterrupt(Index);
            if (vector < 0)
                return;
            state->Halted = 0;
            Interrupt(vector);
        }
    }

    /// <summary>A link that does not hold: looks the target up and repairs the link.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | Jit.Hot)]
    private Block* Follow(Block* source, Link* link)
    {
        if ((source->Mode & (uint)CpuMode.Stepped) != 0)
        {
            EndStep((CpuMode)source->Mode, unfinished: false);
            return null;
        }

        ulong ram = source->Ram;
        ulong generation = _generation;
        Block* target = Lookup();
        if (target == null || generation != _generation || target->SecondPage != ulong.MaxValue)
            return target;

        // The generation is the same, so decoding has thrown nothing away: the source and its link are still there.
        Op* last = Block.FirstOp(source) + (source->Ops - 1);
        long distance = link == Block.Links(source) ? last->Immediate : last->Offset + last->Length;
        bool samePage = (ulong)((long)(ram & PageOffset) + distance) < PageSize && ram != ulong.MaxValue;
        link->Target = target;
        link->Generation = samePage ? Link.Always : generation;
        return target;
    }

    /// <summary>A block ended without a link: at its end, or in the middle by a fault. The next block, or null.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | Jit.Hot)]
    private Block* Leave(Block* block, int index)
    {
        CpuState* state = State;
        bool faulted = _pendingVector >= 0, restart = _restart;
        if (faulted || restart)
            state->Retired -= Math.Max(block->Instructions - index, 0);
        _restart = false;
        if (faulted)
        {
            state->Rip = Wrap(state->Rip + Block.FirstOp(block)[index].Offset);
            DeliverFault();
            return null;
        }

        if ((block->Mode & (uint)CpuMode.Stepped) != 0)
        {
            EndStep((CpuMode)block->Mode, unfinished: restart && index == 0);
            return null;
        }

        if (state->Halted != 0 || state->ShutDown != 0 || (_mode & CpuMode.Breakpoints) != 0)
            return null;
        JumpEntry* jump = Jump(state->Rip);
        return jump->Rip == state->Rip && jump->Generation == _generation && jump->Mode == _mode ? jump->Block : null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private JumpEntry* Jump(ulong rip) => _jumps + ((rip ^ (rip >> 12)) & (JumpEntries - 1));

    /// <summary>The block at RIP; null if fetching it faulted, or a breakpoint is there (and the fault was delivered).</summary>
    [MethodImpl(Jit.Hot)]
    private Block* Lookup()
    {
        CpuState* state = State;
        if ((_mode & CpuMode.Breakpoints) != 0 && StopsBefore())
            return null;
        ulong rip = state->Rip;
        JumpEntry* jump = Jump(rip);
        if (jump->Rip == rip && jump->Generation == _generation && jump->Mode == _mode)
            return jump->Block;
        Block* block = Fetch(rip);
        if (block == null)
        {
            DeliverFault();
            return null;
        }

        // A block that reaches into a second page is found by Fetch each time, which compares its bytes: only the first page is watched.
        if (block->SecondPage == ulong.MaxValue)
        {
            jump->Rip = rip;
            jump->Generation = _generation;
            jump->Mode = _mode;
            jump->Block = block;
        }

        return block;
    }

    [MethodImpl(Jit.Hot)]
    private Block* Fetch(ulong rip)
    {
        ulong linear = rip;
        if ((_mode & CpuMode.CodeSize) != CpuMode.Code64)
        {
            if (rip > State->SegmentLimit[CpuState.Cs])
            {
                RaiseGeneralProtection();
                return null;
            }

            linear = (uint)(State->SegmentBase[CpuState.Cs] + rip);
        }

        if (!TryTranslateFetch(linear, out ulong physical))
            return null;
        if (!_memory.TryTranslate(physical, 1, out ulong ram))
        {
            // Nothing but RAM holds code here; the bytes FF FF that an empty bus answers are no instruction.
            RaiseUndefined();
            return null;
        }

        Block* block = _code.Find(ram, (uint)_mode);
        if (block != null && (block->SecondPage == ulong.MaxValue || CheckSecondPage(block, linear)))
            return block;
        if (_pendingVector >= 0)
            return null;
        block = _code.TryAdopt(ram, (uint)_mode, physical & PageMask);
        return block != null ? block : _decoder.Decode(this, rip, linear, physical, ram);
    }

    private bool CheckSecondPage(Block* block, ulong linear) =>
        TryTranslateFetch((linear & PageMask) + PageSize, out ulong physical)
        && _memory.TryTranslate(physical, 1, out ulong ram) && (ram & PageMask) == block->SecondPage;

    /// <summary>Translates for an instruction fetch.</summary>
    [MethodImpl(Jit.Hot)]
    internal bool TryTranslateFetch(ulong linear, out ulong physical)
    {
        FetchEntry* entry = _fetches + ((linear >> 12) & (FetchEntries - 1));
        if (entry->Page == (linear & PageMask) && entry->Generation == _generation && entry->Mode == (_mode & CpuMode.User))
        {
            physical = entry->Physical | (linear & PageOffset);
            return true;
        }

        if (!TryTranslate(linear, Access.Execute, out physical))
            return false;
        entry->Page = linear & PageMask;
        entry->Generation = _generation;
        entry->Mode = _mode & CpuMode.User;
        entry->Physical = physical & PageMask;
        return true;
    }

    /// <summary>Finds out again what decoding depends on; after any change of CR0, CR4, EFER, XCR0, DR7, CS, SS, CPL or TF.</summary>
    internal void UpdateMode()
    {
        CpuState* state = State;
        uint code = state->SegmentAttributes[CpuState.Cs];
        bool isLong = (state->Efer & EferBits.LongModeActive) != 0 && (code & SegmentAttribute.Long) != 0;
        CpuMode mode = isLong ? CpuMode.Code64 : (code & SegmentAttribute.Big) != 0 ? CpuMode.Code32 : CpuMode.Code16;
        if (!isLong && (state->SegmentAttributes[CpuState.Ss] & SegmentAttribute.Big) != 0)
            mode |= CpuMode.Stack32;
        if (state->Cpl == 3)
            mode |= CpuMode.User;
        if ((state->Cr0 & ControlBits.Cr0Pe) == 0)
            mode |= CpuMode.Real;
        if ((state->Cr0 & ControlBits.Cr0Ts) != 0)
            mode |= CpuMode.TaskSwitched;
        if ((state->Cr0 & ControlBits.Cr0Em) != 0)
            mode |= CpuMode.Emulation;
        if ((state->Cr0 & ControlBits.Cr0Mp) != 0)
            mode |= CpuMode.MonitorCoprocessor;
        if ((state->Cr4 & ControlBits.Cr4Osfxsr) == 0)
            mode |= CpuMode.NoSse;
        if ((state->Cr4 & ControlBits.Cr4Osxsave) == 0 || (state->Xcr0 & 6) != 6)
            mode |= CpuMode.NoAvx;
        if ((state->OtherFlags & CpuState.Tf) != 0 || state->InterruptShadow != 0)
            mode |= CpuMode.SingleStep;
        if ((state->Dr[7] & Dr7Enables) != 0)
            mode |= CpuMode.Breakpoints;
        _mode = mode;
        SelectTlb();
    }

    internal struct JumpEntry
    {
        public ulong Rip;
        public Block* Block;
        public ulong Generation;
        public CpuMode Mode;
    }

    private struct FetchEntry
    {
        public ulong Page;
        public ulong Physical;
        public ulong Generation;
        public CpuMode Mode;
    }
}
