namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Far jumps, calls and returns, and IRET. Gates to other tasks and call gates are not there: #GP.</summary>
internal sealed unsafe partial class SoftwareCpu
{
    internal bool FarJump(ushort selector, ulong offset)
    {
        CpuState* state = State;
        if ((state->Cr0 & ControlBits.Cr0Pe) == 0)
        {
            if (offset > state->SegmentLimit[CpuState.Cs])
                return RaiseGeneralProtection();
            SetRealSegment(CpuState.Cs, selector);
            state->Rip = offset;
        }
        else
        {
            if (!TryReadFarTarget(selector, offset, out Descriptor code))
                return false;
            EnterFarTarget(selector, offset, code);
        }

        UpdateMode();
        return EndJump();
    }

    internal bool FarCall(Op* op, ushort selector, ulong offset, int size)
    {
        CpuState* state = State;
        bool real = (state->Cr0 & ControlBits.Cr0Pe) == 0;
        Descriptor code = default;
        if (real && offset > state->SegmentLimit[CpuState.Cs])
            return RaiseGeneralProtection();
        if (!real && !TryReadFarTarget(selector, offset, out code))
            return false;
        ulong sp = state->Gpr[4];
        ulong next = Wrap(state->Rip + op->Offset + op->Length);
        if (!TryPushSized(ref sp, state->SegmentSelector[CpuState.Cs], size) || !TryPushSized(ref sp, next, size))
            return false;
        state->Gpr[4] = sp;
        if (real)
        {
            SetRealSegment(CpuState.Cs, selector);
            state->Rip = offset;
        }
        else
        {
            EnterFarTarget(selector, offset, code);
        }

        UpdateMode();
        return EndJump();
    }

    internal bool FarReturn(int size, uint release)
    {
        CpuState* state = State;
        ulong sp = state->Gpr[4];
        if (!TryPopSized(ref sp, size, out ulong rip) || !TryPopSized(ref sp, size, out ulong wide))
            return false;
        var selector = (ushort)wide;
        if ((state->Cr0 & ControlBits.Cr0Pe) == 0)
        {
            state->Gpr[4] = StepStack(sp, release, out _);
            SetRealSegment(CpuState.Cs, selector);
            state->Rip = rip;
            UpdateMode();
            return EndJump();
        }

        if (!TryReadReturnTarget(selector, rip, out Descriptor code))
            return false;
        sp = StepStack(sp, release, out _);
        int rpl = selector & 3;
        if (rpl == state->Cpl)
        {
            state->Gpr[4] = sp;
        }
        else
        {
            if (!TryPopSized(ref sp, size, out ulong outer) || !TryPopSized(ref sp, size, out ulong ss))
                return false;
            if (!TryReturnStack((ushort)ss, rpl, (code.Attributes & SegmentAttribute.Long) != 0, out Descriptor stack))
                return false;
            SetReturnStack((ushort)ss, stack, outer, code, release);
        }

        MarkAccessed(code);
        SetSegment(CpuState.Cs, selector, code);
        state->Rip = rip;
        LowerPrivilege(rpl);
        UpdateMode();
        return EndJump();
    }

    internal bool InterruptReturn(int size)
    {
        CpuState* state = State;
        state->NmiBlocked = 0;
        ulong sp = state->Gpr[4];
        bool real = (state->Cr0 & ControlBits.Cr0Pe) == 0;
        bool isLong = (state->Efer & EferBits.LongModeActive) != 0;
        if (!real && (state->OtherFlags & CpuState.Nt) != 0)
            return RaiseGeneralProtection();
        if (!TryPopSized(ref sp, size, out ulong rip) || !TryPopSized(ref sp, size, out ulong wide) || !TryPopSized(ref sp, size, out ulong flags))
            return false;
        var selector = (ushort)wide;
        if (real)
        {
            state->Gpr[4] = sp;
            SetRealSegment(CpuState.Cs, selector);
            state->Rip = (ushort)rip;
            ReturnFlags(flags, size, 0);
            ReturnResumeFlag(flags, size);
            UpdateMode();
            LookForInterrupts();
            return EndJump();
        }

        // Virtual-8086 mode is not there.
        if ((flags & CpuState.Vm) != 0 && !isLong && size == 4)
            return RaiseGeneralProtection();
        if (!TryReadReturnTarget(selector, rip, out Descriptor code))
            return false;
        int rpl = selector & 3;
        if (rpl != state->Cpl || (_mode & CpuMode.CodeSize) == CpuMode.Code64)
        {
            if (!TryPopSized(ref sp, size, out ulong outer) || !TryPopSized(ref sp, size, out ulong ss))
                return false;
            if (!TryReturnStack((ushort)ss, rpl, (code.Attributes & SegmentAttribute.Long) != 0, out Descriptor stack))
                return false;
            SetReturnStack((ushort)ss, stack, outer, code, 0);
        }
        else
        {
            state->Gpr[4] = sp;
        }

        ReturnFlags(flags, size, state->Cpl);
        ReturnResumeFlag(flags, size);
        MarkAccessed(code);
        SetSegment(CpuState.Cs, selector, code);
        state->Rip = rip;
        LowerPrivilege(rpl);
        UpdateMode();
        LookForInterrupts();
        return EndJump();
    }

    /// <summary>What POPF and IRET may change at a privilege.</summary>
    internal void ReturnFlags(ulong flags, int size, int cpl)
    {
        CpuState* state = State;
        ulong mask = CpuState.Tf | CpuState.Df | CpuState.Nt;
        if (size != 2)
            mask |= CpuState.Ac | CpuState.Id;
        if (cpl == 0)
            mask |= CpuState.Iopl;
        if ((ulong)cpl <= (state->OtherFlags & CpuState.Iopl) >> 12)
            mask |= CpuState.If;
        state->OtherFlags = (state->OtherFlags & ~mask) | (flags & mask);
        state->SetArithmeticFlags(flags);
    }

    /// <summary>IRET alone may set RF. It lasts one instruction, and says something only where breakpoints are enabled.</summary>
    private void ReturnResumeFlag(ulong flags, int size)
    {
        if (size != 2 && (_mode & CpuMode.Breakpoints) != 0)
            State->OtherFlags |= flags & CpuState.Rf;
    }

    private bool TryReadFarTarget(ushort selector, ulong offset, out Descriptor code)
    {
        code = default;
        uint error = selector & ~3u;
        CpuState* state = State;
        if (error == 0)
            return RaiseGeneralProtection();
        if (!TryReadDescriptor(selector, out code))
            return false;
        const uint isCode = SegmentAttribute.NotSystem | SegmentAttribute.Code;
        bool conforming = (code.Attributes & SegmentAttribute.Conforming) != 0;
        bool allowed = conforming ? code.Dpl <= state->Cpl : (selector & 3) <= state->Cpl && code.Dpl == state->Cpl;
        if ((code.Attributes & isCode) != isCode || !allowed)
            return RaiseGeneralProtection(error);
        return CheckTarget(code, offset, error);
    }

    private bool TryReadReturnTarget(ushort selector, ulong offset, out Descriptor code)
    {
        code = default;
        uint error = selector & ~3u;
        int rpl = selector & 3;
        if (error == 0)
            return RaiseGeneralProtection();
        if (!TryReadDescriptor(selector, out code))
            return false;
        const uint isCode = SegmentAttribute.NotSystem | SegmentAttribute.Code;
        bool conforming = (code.Attributes & SegmentAttribute.Conforming) != 0;
        bool allowed = rpl >= State->Cpl && (conforming ? code.Dpl <= rpl : code.Dpl == rpl);
        if ((code.Attributes & isCode) != isCode || !allowed)
            return RaiseGeneralProtection(error);
        return CheckTarget(code, offset, error);
    }

    private bool CheckTarget(in Descriptor code, ulong offset, uint error)
    {
        bool is64 = (State->Efer & EferBits.LongModeActive) != 0 && (code.Attributes & SegmentAttribute.Long) != 0;
        if (is64 && (code.Attributes & SegmentAttribute.Big) != 0)
            return RaiseGeneralProtection(error);
        if ((code.Attributes & SegmentAttribute.Present) == 0)
            return RaiseException(ExceptionVector.NotPresent, error);
        return (is64 ? IsCanonical(offset) : offset <= code.Limit) || RaiseGeneralProtection();
    }

    private void EnterFarTarget(ushort selector, ulong offset, in Descriptor code)
    {
        MarkAccessed(code);
        SetSegment(CpuState.Cs, (ushort)((selector & ~3) | State->Cpl), code);
        State->Rip = offset;
    }

    private bool TryReturnStack(ushort selector, int rpl, bool to64, out Descriptor stack)
    {
        stack = default;
        uint error = selector & ~3u;
        if (error == 0)
            return (to64 && rpl != 3 && (selector & 3) == rpl) || RaiseGeneralProtection();
        if (!TryReadDescriptor(selector, out stack))
            return false;
        uint kind = stack.Attributes & (SegmentAttribute.NotSystem | SegmentAttribute.Code | SegmentAttribute.Writable);
        if ((selector & 3) != rpl || stack.Dpl != rpl || kind != (SegmentAttribute.NotSystem | SegmentAttribute.Writable))
            return RaiseGeneralProtection(error);
        return (stack.Attributes & SegmentAttribute.Present) != 0 || RaiseException(ExceptionVector.StackFault, error);
    }

    private void SetReturnStack(ushort selector, in Descriptor stack, ulong sp, in Descriptor code, uint release)
    {
        CpuState* state = State;
        if ((selector & ~3) == 0)
        {
            SetNullSegment(CpuState.Ss, selector);
        }
        else
        {
            MarkAccessed(stack);
            SetSegment(CpuState.Ss, selector, stack);
        }

        bool to64 = (code.Attributes & SegmentAttribute.Long) != 0 && (state->Efer & EferBits.LongModeActive) != 0;
        if (to64)
            state->Gpr[4] = sp + release;
        else if ((stack.Attributes & SegmentAttribute.Big) != 0)
            state->Gpr[4] = (uint)(sp + release);
        else
            state->Gpr[4] = (state->Gpr[4] & ~0xFFFFUL) | (ushort)(sp + release);
    }

    /// <summary>Segments of the inner privilege must not stay behind in the outer one.</summary>
    private void LowerPrivilege(int cpl)
    {
        CpuState* state = State;
        if (cpl == state->Cpl)
            return;
        state->Cpl = (byte)cpl;
        ReadOnlySpan<byte> segments = [CpuState.Es, CpuState.Ds, CpuState.Fs, CpuState.Gs];
        foreach (byte segment in segments)
        {
            uint attributes = state->SegmentAttributes[segment];
            const uint conforming = SegmentAttribute.Code | SegmentAttribute.Conforming;
            bool stays = (attributes & SegmentAttribute.Unusable) != 0 || (attributes & conforming) == conforming
                || (attributes & SegmentAttribute.Dpl) >> SegmentAttribute.DplShift >= cpl;
            if (!stays)
                SetNullSegment(segment, 0);
        }
    }
}
