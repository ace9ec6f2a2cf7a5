namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>
/// Breakpoints by debug registers (SDM vol. 3, 18.2 and 18.3). While DR7 enables one, every block is one instruction and is looked up anew,
/// and pages with data breakpoints are kept off the TLB's fast path; no one else pays.
/// </summary>
internal sealed unsafe partial class SoftwareCpu
{
    private const int Breakpoints = 4;
    private const uint OnExecution = 0, OnWrite = 1, OnPort = 2, OnAccess = 3;
    private const ulong Dr6Hits = 0xF, Dr6GeneralDetect = 0x2000;
    private const ulong Dr7Enables = 0xFF, Dr7GeneralDetect = 0x2000;

    /// <summary>DR6's B0 to B3 of the data and port breakpoints that the instruction has hit so far.</summary>
    private ulong _hits;

    /// <summary>MOV to DR0..DR3, DR6, DR7.</summary>
    internal bool WriteDebug(int number, ulong value)
    {
        const ulong dr6Writable = 0xE00F, dr7Writable = 0xFFFF_23FF;
        if (number >= 6 && value > uint.MaxValue)
            return RaiseGeneralProtection();
        bool watched = WatchesData();
        State->Dr[number] = number switch
        {
            6 => (value & dr6Writable) | Dr6Fixed,
            7 => (value & dr7Writable) | Dr7Fixed,
            _ => value,
        };
        UpdateMode();
        if (number != 6 && (watched || WatchesData()))
            FlushTlb();
        return true;
    }

    /// <summary>Whether the debug registers may be touched; else #DB is pending, with DR7.GD.</summary>
    internal bool CheckGeneralDetect()
    {
        CpuState* state = State;
        if ((state->Dr[7] & Dr7GeneralDetect) == 0)
            return true;
        state->Dr[6] |= Dr6GeneralDetect;

        // A fault as any other, although its vector is that of traps.
        state->OtherFlags |= CpuState.Rf;
        return RaiseException(ExceptionVector.Debug);
    }

    /// <summary>An instruction reads or writes ports: looks for breakpoints there (with CR4.DE).</summary>
    internal void WatchPorts(ushort port, int size)
    {
        if ((_mode & CpuMode.Breakpoints) != 0 && (State->Cr4 & ControlBits.Cr4De) != 0)
            Watch(port, size, OnPort, OnPort);
    }

    /// <summary>Whether a page has to stay off the TLB's fast path.</summary>
    private bool IsWatchedByBreakpoint(ulong page)
    {
        for (int i = 0; i < Breakpoints; i++)
        {
            if (IsEnabled(i) && Kind(i) is OnWrite or OnAccess && (State->Dr[i] & PageMask) == page)
                return true;
        }

        return false;
    }

    /// <summary>An access to memory that is allowed: looks for breakpoints there.</summary>
    private void WatchMemory(ulong linear, int size, Access access) => Watch(linear, size, access == Access.Write ? OnWrite : OnAccess, OnAccess);

    private void Watch(ulong address, int size, uint kind, uint orKind)
    {
        for (int i = 0; i < Breakpoints; i++)
        {
            if (!IsEnabled(i) || (Kind(i) != kind && Kind(i) != orKind))
                continue;
            uint length = Length(i);
            ulong start = State->Dr[i] & ~(ulong)(length - 1);
            if (start - address >= (uint)size && address - start >= length)
                continue;
            _hits |= 1UL << i;

            // A repeated instruction lets go behind this element.
            LookForInterrupts();
        }
    }

    /// <summary>Before an instruction, while DR7 enables something: true if a breakpoint is there, and #DB has been delivered.</summary>
    private bool StopsBefore()
    {
        CpuState* state = State;

        // What the delivery of an interrupt or a fault touched is no instruction's.
        _hits = 0;
        if ((state->OtherFlags & CpuState.Rf) != 0)
        {
            state->OtherFlags &= ~CpuState.Rf;
            return false;
        }

        ulong linear = (_mode & CpuMode.CodeSize) == CpuMode.Code64 ? state->Rip : (uint)(state->SegmentBase[CpuState.Cs] + state->Rip);
        ulong hits = 0;
        for (int i = 0; i < Breakpoints; i++)
        {
            if (IsEnabled(i) && Kind(i) == OnExecution && state->Dr[i] == linear)
                hits |= 1UL << i;
        }

        if (hits == 0)
            return false;

        // Counts against the budget: the handler's first instruction may have a breakpoint too.
        state->Retired++;
        DeliverDebug(hits);
        return true;
    }

    private void DeliverDebug(ulong causes)
    {
        CpuState* state = State;
        state->Halted = 0;
        state->Dr[6] = (state->Dr[6] & ~Dr6Hits) | causes;
        Deliver(ExceptionVector.Debug, false, 0, resume: false);
    }

    private bool WatchesData()
    {
        for (int i = 0; i < Breakpoints; i++)
        {
            if (IsEnabled(i) && Kind(i) is OnWrite or OnAccess)
                return true;
        }

        return false;
    }

    private bool IsEnabled(int number) => ((State->Dr[7] >> (2 * number)) & 3) != 0;

    private uint Kind(int number) => (uint)(State->Dr[7] >> (16 + (4 * number))) & 3;

    private uint Length(int number) => ((uint)(State->Dr[7] >> (18 + (4 * number))) & 3) switch { 0 => 1, 1 => 2, 2 => 8, _ => 4 };
}
