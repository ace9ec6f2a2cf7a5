using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>One instruction at a time, on registers that come from elsewhere: for an accelerator that lacks the instruction.</summary>
internal sealed unsafe partial class SoftwareCpu
{
    private const long RepeatBudget = 65_536;

    /// <summary>
    /// Executes the instruction at RIP, or delivers its fault; no interrupt from outside comes before or behind it. A repeated string
    /// instruction may stop before its end, with RIP still on it.
    /// </summary>
    public CpuStop Step()
    {
        CpuState* state = State;
        bool shadowed = state->InterruptShadow != 0, traced = (state->OtherFlags & CpuState.Tf) != 0;
        Volatile.Write(ref _limit, state->Retired + RepeatBudget);
        _mode |= CpuMode.SingleStep;
        Block* block = Lookup();
        if (block != null)
        {
            state->Retired += block->Instructions;
            Op* first = Block.FirstOp(block);
            Op* op = first;
            while (op->Execute(this, op))
                op++;
            bool faulted = _pendingVector >= 0;
            if (faulted || _restart)
                state->Retired -= Math.Max(block->Instructions - (int)(op - first), 0);
            if (faulted)
            {
                state->Rip = Wrap(state->Rip + op->Offset);
                DeliverFault();
            }
            else if (shadowed)
            {
                state->InterruptShadow = 0;
            }
            else if (!_restart && state->InterruptShadow == 0)
            {
                EndStep(traced ? CpuMode.SingleStep : 0, unfinished: false);
            }
        }

        _restart = _suppressStep = false;
        _link = null;
        UpdateMode();
        return state->ShutDown != 0 ? CpuStop.TripleFault : state->Halted != 0 ? CpuStop.Halted : CpuStop.Budget;
    }

    /// <summary>Copies code from RIP on, as far as it can be fetched; the number of bytes.</summary>
    public int PeekCode(Span<byte> bytes)
    {
        bool isLong = (_mode & CpuMode.CodeSize) == CpuMode.Code64;
        int copied = 0;
        while (copied < bytes.Length)
        {
            ulong linear = State->Rip + (uint)copied;
            if (!isLong)
                linear = (uint)(State->SegmentBase[CpuState.Cs] + linear);
            int onPage = (int)Math.Min(PageSize - (linear & PageOffset), (ulong)(bytes.Length - copied));
            if (!TryTranslateFetch(linear, out ulong physical) || !_memory.TryGetSpan(new GuestAddress(physical), (ulong)onPage, out Span<byte> code))
                break;
            code.CopyTo(bytes[copied..]);
            copied += onPage;
        }

        // Looking is no reason for a fault.
        _pendingVector = -1;
        return copied;
    }

    /// <summary>Reads memory whoever it belongs to, the user's under SMAP too; false, and no fault, where nothing is mapped.</summary>
    public bool TryPeek<T>(ulong linear, out T value)
        where T : unmanaged
    {
        TlbEntry* saved = Tlb;
        Tlb = _tlb + (SupervisorAcTlb * TlbEntries);
        bool done = TryLoad(linear, out value);
        Tlb = saved;
        _pendingVector = -1;
        _hits = 0;
        return done;
    }

    /// <summary>Takes general and system registers from elsewhere; the rest stays, mappings are forgotten.</summary>
    public void Load(in CpuRegisters r, in CpuSystemRegisters system)
    {
        CpuState* state = State;
        ReadOnlySpan<ulong> general = [r.Rax, r.Rcx, r.Rdx, r.Rbx, r.Rsp, r.Rbp, r.Rsi, r.Rdi, r.R8, r.R9, r.R10, r.R11, r.R12, r.R13, r.R14, r.R15];
        for (int i = 0; i < general.Length; i++)
            state->Gpr[i] = general[i];
        state->Rip = r.Rip;
        state->SetFlags(r.Rflags);
        WriteSegment(CpuState.Es, system.Es);
        WriteSegment(CpuState.Cs, system.Cs);
        WriteSegment(CpuState.Ss, system.Ss);
        WriteSegment(CpuState.Ds, system.Ds);
        WriteSegment(CpuState.Fs, system.Fs);
        WriteSegment(CpuState.Gs, system.Gs);
        WriteSegment(CpuState.Ldtr, system.Ldtr);
        WriteSegment(CpuState.Tr, system.Tr);
        state->GdtrBase = system.Gdtr.Base;
        state->GdtrLimit = system.Gdtr.Limit;
        state->IdtrBase = system.Idtr.Base;
        state->IdtrLimit = system.Idtr.Limit;
        state->Cr0 = system.Cr0;
        state->Cr2 = system.Cr2;
        state->Cr3 = system.Cr3;
        state->Cr4 = system.Cr4;
        state->Efer = system.Efer;
        state->Cpl = (byte)((system.Cr0 & ControlBits.Cr0Pe) == 0 ? 0 : system.Cs.Selector & 3);
        state->WaitingForStartUp = state->Halted = state->ShutDown = 0;
        StateReplaced();
    }
}
