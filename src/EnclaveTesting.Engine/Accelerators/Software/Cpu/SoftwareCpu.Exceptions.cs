using System.Runtime.CompilerServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Faults and interrupts: a handler raises a fault and returns false; the run loop delivers it at the instruction's address.</summary>
internal sealed unsafe partial class SoftwareCpu
{
    private const uint ErrorExternal = 1, ErrorIdt = 2;
    private const ulong Dr6Step = 0x4000;

    private int _pendingVector = -1;
    private bool _pendingHasError;
    private uint _pendingError;

    /// <summary>The instruction that ends now went through a gate by itself: no single-step trap behind it.</summary>
    private bool _suppressStep;

    /// <summary>Makes a fault pending; always false.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool RaiseException(int vector)
    {
        _pendingVector = vector;
        _pendingHasError = false;
        _pendingError = 0;
        _link = null;
        return false;
    }

    /// <summary>Makes a fault with an error code pending; always false.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public bool RaiseException(int vector, uint errorCode)
    {
        _pendingVector = vector;
        _pendingHasError = true;
        _pendingError = errorCode;
        _link = null;
        return false;
    }

    /// <summary>#UD; always false.</summary>
    public bool RaiseUndefined() => RaiseException(ExceptionVector.InvalidOpcode);

    /// <summary>#NM; always false.</summary>
    public bool RaiseDeviceNotAvailable() => RaiseException(ExceptionVector.DeviceNotAvailable);

    /// <summary>#GP; always false.</summary>
    public bool RaiseGeneralProtection(uint errorCode = 0) => RaiseException(ExceptionVector.GeneralProtection, errorCode);

    /// <summary>#PF; always false.</summary>
    public bool RaisePageFault(ulong linear, uint errorCode)
    {
        State->Cr2 = linear;
        return RaiseException(ExceptionVector.PageFault, errorCode);
    }

    /// <summary>#MF, the x87's; always false.</summary>
    public bool RaiseX87Error() => RaiseException(ExceptionVector.X87Error);

    /// <summary>#XM, of SSE; always false.</summary>
    public bool RaiseSimdError() => RaiseException(ExceptionVector.SimdError);

    /// <summary>INT n, INT3, INTO: through the gate, with the address behind the op as the one to return to; false with a fault pending, or done.</summary>
    internal bool SoftwareInterrupt(Op* op, int vector)
    {
        ulong next = Wrap(State->Rip + op->Offset + op->Length);
        bool stepped = (_mode & CpuMode.SingleStep) != 0;
        if (!TryEnterGate(vector, false, 0, next, software: true, resume: false))
            return false;
        _suppressStep = stepped;
        return EndJump();
    }

    /// <summary>Delivers the pending fault; RIP is that of the instruction.</summary>
    private void DeliverFault()
    {
        int vector = _pendingVector;
        Deliver(vector, _pendingHasError, _pendingError, resume: vector != ExceptionVector.Debug);
    }

    /// <summary>Delivers an interrupt from outside.</summary>
    private void Interrupt(int vector) => Deliver(vector, false, 0, resume: false);

    /// <summary>
    /// Behind an instruction that was executed alone: the trap if it began with RFLAGS.TF or hit breakpoints; the end of the shadow of STI.
    /// </summary>
    /// <param name="mode">The mode in which the instruction began.</param>
    /// <param name="unfinished">It is a repeated string instruction that has elements left.</param>
    private void EndStep(CpuMode mode, bool unfinished)
    {
        CpuState* state = State;
        ulong causes = _hits;
        _hits = 0;
        if (unfinished && (mode & CpuMode.Breakpoints) != 0)
            state->OtherFlags |= CpuState.Rf;
        if ((mode & CpuMode.SingleStep) != 0)
        {
            if (state->InterruptShadow != 0)
            {
                state->InterruptShadow = 0;
                UpdateMode();
                LookForInterrupts();
            }
            else if (!_suppressStep)
            {
                causes |= Dr6Step;
            }

            _suppressStep = false;
        }

        if (causes != 0)
            DeliverDebug(causes);
    }

    private void Deliver(int vector, bool hasError, uint error, bool resume)
    {
        CpuState* state = State;
        while (true)
        {
            _pendingVector = -1;
            _link = null;
            if (TryEnterGate(vector, hasError, error, state->Rip, software: false, resume))
            {
                if (state->InterruptShadow != 0)
                {
                    state->InterruptShadow = 0;
                    UpdateMode();
                }

                // The handler may look at the debug registers.
                if (vector == ExceptionVector.Debug)
                    state->Dr[7] &= ~Dr7GeneralDetect;
                return;
            }

            int second = _pendingVector;
            if (vector == ExceptionVector.DoubleFault)
            {
                _pendingVector = -1;
                state->ShutDown = 1;
                return;
            }

            if (MakesDoubleFault(vector, second))
            {
                vector = ExceptionVector.DoubleFault;
                error = 0;
                hasError = true;
            }
            else
            {
                vector = second;
                error = _pendingError | (second is >= ExceptionVector.InvalidTss and <= ExceptionVector.GeneralProtection ? ErrorExternal : 0);
                hasError = _pendingHasError;
            }

            resume = true;
        }
    }

    private static bool MakesDoubleFault(int first, int second)
    {
        bool secondContributes = IsContributory(second);
        return first == ExceptionVector.PageFault ? secondContributes || second == ExceptionVector.PageFault : IsContributory(first) && secondContributes;
    }

    private static bool IsContributory(int vector) =>
        vector is ExceptionVector.DivideError or (>= ExceptionVector.InvalidTss and <= ExceptionVector.GeneralProtection);

    /// <summary>Goes through the IVT or IDT. False: another fault is pending, and no register has changed.</summary>
    private bool TryEnterGate(int vector, bool hasError, uint error, ulong rip, bool software, bool resume)
    {
        CpuState* state = State;
        ulong flags = state->GetFlags() | (resume ? CpuState.Rf : 0);
        if ((state->Cr0 & ControlBits.Cr0Pe) == 0)
            return TryEnterRealMode(vector, rip, flags);
        return (state->Efer & EferBits.LongModeActive) != 0
            ? TryEnterGate64(vector, hasError, error, rip, flags, software)
            : TryEnterGate32(vector, hasError, error, rip, flags, software);
    }

    private bool TryEnterRealMode(int vector, ulong rip, ulong flags)
    {
        CpuState* state = State;
        uint entry = (uint)vector * 4;
        if (entry + 3 > state->IdtrLimit)
            return RaiseException(ExceptionVector.GeneralProtection);
        if (!TryLoadSystem(state->IdtrBase + entry, out uint target))
            return false;
        ulong sp = state->Gpr[4];
        if (!TryPushAt(ref sp, (ushort)flags) || !TryPushAt(ref sp, state->SegmentSelector[CpuState.Cs]) || !TryPushAt(ref sp, (ushort)rip))
            return false;
        state->Gpr[4] = sp;
        SetRealSegment(CpuState.Cs, (ushort)(target >> 16));
        state->Rip = (ushort)target;
        state->OtherFlags &= ~(CpuState.If | CpuState.Tf | CpuState.Ac | CpuState.Rf);
        UpdateMode();
        return true;
    }
}
