namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>SYSCALL, SYSRET, SYSENTER, SYSEXIT.</summary>
internal sealed unsafe partial class SoftwareCpu
{
    private const uint FlatCode64 = 0xA09B, FlatCode32 = 0xC09B, FlatData = 0xC093;

    internal bool SystemCall(Op* op)
    {
        CpuState* state = State;
        if ((state->Efer & EferBits.SystemCall) == 0 || (_mode & CpuMode.CodeSize) != CpuMode.Code64)
            return RaiseUndefined();
        state->Gpr[1] = state->Rip + op->Offset + op->Length;
        state->Gpr[11] = state->GetFlags();
        state->SetFlags(state->GetFlags() & ~state->SyscallMask);
        var selector = (ushort)((state->Star >> 32) & 0xFFFC);
        SetFlatSegments(selector, (ushort)(selector + 8), FlatCode64, 0);
        state->Rip = state->Lstar;
        _suppressStep = (state->OtherFlags & CpuState.Tf) == 0;
        return EndPrivilegeChange();
    }

    internal bool SystemReturn(bool wide)
    {
        CpuState* state = State;
        if ((state->Efer & EferBits.SystemCall) == 0 || (_mode & CpuMode.CodeSize) != CpuMode.Code64)
            return RaiseUndefined();
        if (!CheckSupervisor())
            return false;
        ulong target = wide ? state->Gpr[1] : (uint)state->Gpr[1];
        if (wide && !IsCanonical(target))
            return RaiseGeneralProtection();
        var selector = (ushort)((state->Star >> 48) | 3);
        state->SetFlags(state->Gpr[11] & 0x3C_7FD7);
        SetFlatSegments((ushort)(wide ? selector + 16 : selector), (ushort)(selector + 8), wide ? FlatCode64 : FlatCode32, 3);
        state->Rip = target;
        LookForInterrupts();
        return EndPrivilegeChange();
    }

    internal bool SystemEnter()
    {
        CpuState* state = State;
        var selector = (ushort)(state->SysenterCs & 0xFFFC);
        if ((state->Cr0 & ControlBits.Cr0Pe) == 0 || selector == 0)
            return RaiseGeneralProtection();
        bool isLong = (state->Efer & EferBits.LongModeActive) != 0;
        state->OtherFlags &= ~(CpuState.If | CpuState.Vm);
        SetFlatSegments(selector, (ushort)(selector + 8), isLong ? FlatCode64 : FlatCode32, 0);
        state->Gpr[4] = isLong ? state->SysenterEsp : (uint)state->SysenterEsp;
        state->Rip = isLong ? state->SysenterEip : (uint)state->SysenterEip;
        _suppressStep = true;
        return EndPrivilegeChange();
    }

    internal bool SystemExit(bool wide)
    {
        CpuState* state = State;
        var selector = (ushort)(state->SysenterCs & 0xFFFC);
        if ((state->Cr0 & ControlBits.Cr0Pe) == 0 || selector == 0 || state->Cpl != 0)
            return RaiseGeneralProtection();
        ulong target = state->Gpr[2], sp = state->Gpr[1];
        if (wide && !(IsCanonical(target) && IsCanonical(sp)))
            return RaiseGeneralProtection();
        int code = selector + (wide ? 32 : 16);
        SetFlatSegments((ushort)(code | 3), (ushort)((code + 8) | 3), wide ? FlatCode64 : FlatCode32, 3);
        state->Gpr[4] = wide ? sp : (uint)sp;
        state->Rip = wide ? target : (uint)target;
        return EndPrivilegeChange();
    }

    /// <summary>Whether SGDT and its kin may answer: UMIP forbids it to CPL 3.</summary>
    internal bool CheckUserMayLook() =>
        State->Cpl == 0 || (State->Cr4 & ControlBits.Cr4Umip) == 0 || RaiseGeneralProtection();

    /// <summary>Whether an address can be loaded into a base register.</summary>
    internal bool CheckCanonicalBase(ulong address) => IsCanonical(address) || RaiseGeneralProtection();

    private void SetFlatSegments(ushort code, ushort data, uint codeAttributes, int cpl)
    {
        CpuState* state = State;
        uint dpl = (uint)cpl << SegmentAttribute.DplShift;
        state->SegmentSelector[CpuState.Cs] = code;
        state->SegmentBase[CpuState.Cs] = 0;
        state->SegmentLimit[CpuState.Cs] = uint.MaxValue;
        state->SegmentAttributes[CpuState.Cs] = codeAttributes | dpl;
        state->SegmentSelector[CpuState.Ss] = data;
        state->SegmentBase[CpuState.Ss] = 0;
        state->SegmentLimit[CpuState.Ss] = uint.MaxValue;
        state->SegmentAttributes[CpuState.Ss] = FlatData | dpl;
        state->Cpl = (byte)cpl;
    }

    private bool EndPrivilegeChange()
    {
        UpdateMode();
        return EndJump();
    }
}
