namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Interrupt and trap gates (SDM vol. 3, 6.12 and 6.14).</summary>
internal sealed unsafe partial class SoftwareCpu
{
    private const int TssRsp0 = 4, TssIst1 = 0x24, Tss32Esp0 = 4, Tss16Sp0 = 2;

    private bool TryEnterGate64(int vector, bool hasError, uint error, ulong rip, ulong flags, bool software)
    {
        CpuState* state = State;
        uint gateError = ((uint)vector * 8) | ErrorIdt;
        uint entry = (uint)vector * 16;
        if (entry + 15 > state->IdtrLimit)
            return RaiseGeneralProtection(gateError);
        if (!TryLoadSystem(state->IdtrBase + entry, out ulong low) || !TryLoadSystem(state->IdtrBase + entry + 8, out ulong high))
            return false;
        uint type = (uint)(low >> 40) & 0x1F;
        if (type is not (SegmentAttribute.InterruptGate or SegmentAttribute.TrapGate) || (software && ((low >> 45) & 3) < state->Cpl))
            return RaiseGeneralProtection(gateError);
        if ((low & (1UL << 47)) == 0)
            return RaiseException(ExceptionVector.NotPresent, gateError);
        var selector = (ushort)(low >> 16);
        if (!TryReadGateTarget(selector, out Descriptor code))
            return false;
        if ((code.Attributes & (SegmentAttribute.Long | SegmentAttribute.Big)) != SegmentAttribute.Long)
            return RaiseGeneralProtection(selector & ~3u);

        int cpl = (code.Attributes & SegmentAttribute.Conforming) != 0 ? state->Cpl : (int)code.Dpl;
        var stackTable = (int)(low >> 32) & 7;
        ulong sp = state->Gpr[4];
        if (stackTable != 0)
        {
            if (!TryReadTss(TssIst1 + ((stackTable - 1) * 8), out sp))
                return false;
        }
        else if (cpl < state->Cpl && !TryReadTss(TssRsp0 + (cpl * 8), out sp))
        {
            return false;
        }

        if (!IsCanonical(sp))
            return RaiseException(ExceptionVector.StackFault, 0);
        ulong target = (low & 0xFFFF) | ((low >> 32) & 0xFFFF_0000) | (high << 32);
        if (!IsCanonical(target))
            return RaiseGeneralProtection();
        sp &= ~15UL;
        TlbEntry* saved = Tlb;
        Tlb = _tlb + (cpl == 3 ? UserTlb : SupervisorTlb) * TlbEntries;
        bool pushed = TryStore(sp - 8, (ulong)state->SegmentSelector[CpuState.Ss])
            && TryStore(sp - 16, state->Gpr[4])
            && TryStore(sp - 24, flags)
            && TryStore(sp - 32, (ulong)state->SegmentSelector[CpuState.Cs])
            && TryStore(sp - 40, rip)
            && (!hasError || TryStore(sp - 48, (ulong)error));
        Tlb = saved;
        if (!pushed)
            return false;

        state->Gpr[4] = sp - (hasError ? 48UL : 40);
        if (cpl != state->Cpl)
            SetNullSegment(CpuState.Ss, (ushort)cpl);
        MarkAccessed(code);
        SetSegment(CpuState.Cs, (ushort)((selector & ~3) | cpl), code);
        EnterHandler(target, cpl, type == SegmentAttribute.InterruptGate);
        return true;
    }

    private bool TryEnterGate32(int vector, bool hasError, uint error, ulong rip, ulong flags, bool software)
    {
        CpuState* state = State;
        uint gateError = ((uint)vector * 8) | ErrorIdt;
        uint entry = (uint)vector * 8;
        if (entry + 7 > state->IdtrLimit)
            return RaiseGeneralProtection(gateError);
        if (!TryLoadSystem(state->IdtrBase + entry, out ulong gate))
            return false;
        uint type = (uint)(gate >> 40) & 0x1F;
        bool known = type is SegmentAttribute.InterruptGate or SegmentAttribute.TrapGate or SegmentAttribute.InterruptGate16 or SegmentAttribute.TrapGate16;
        if (!known || (software && ((gate >> 45) & 3) < state->Cpl))
            return RaiseGeneralProtection(gateError);
        if ((gate & (1UL << 47)) == 0)
            return RaiseException(ExceptionVector.NotPresent, gateError);
        var selector = (ushort)(gate >> 16);
        if (!TryReadGateTarget(selector, out Descriptor code))
            return false;

        int cpl = (code.Attributes & SegmentAttribute.Conforming) != 0 ? state->Cpl : (int)code.Dpl;
        bool wide = type >= SegmentAttribute.InterruptGate;
        var target = (uint)((gate & 0xFFFF) | (wide ? (gate >> 32) & 0xFFFF_0000 : 0));
        if (target > code.Limit)
            return RaiseGeneralProtection();
        bool pushed;
        ulong sp;
        if (cpl < state->Cpl)
        {
            if (!TryReadInnerStack(cpl, out ushort stackSelector, out uint stackPointer, out Descriptor stack))
                return false;
            bool big = (stack.Attributes & SegmentAttribute.Big) != 0;
            var writer = new StackWriter(stack.Base, stackPointer, big ? uint.MaxValue : ushort.MaxValue, stack.Limit, wide);
            pushed = PushOuter(ref writer, state->SegmentSelector[CpuState.Ss], state->Gpr[4], flags, rip, hasError, error);
            if (!pushed)
                return false;
            MarkAccessed(stack);
            SetSegment(CpuState.Ss, stackSelector, stack);
            sp = writer.Pointer;
        }
        else
        {
            bool big = (state->SegmentAttributes[CpuState.Ss] & SegmentAttribute.Big) != 0;
            var writer = new StackWriter(
                state->SegmentBase[CpuState.Ss], (uint)state->Gpr[4], big ? uint.MaxValue : ushort.MaxValue, state->SegmentLimit[CpuState.Ss], wide);
            pushed = PushFrame(ref writer, flags, rip, hasError, error);
            if (!pushed)
                return false;
            sp = big ? writer.Pointer : (state->Gpr[4] & ~0xFFFFUL) | (writer.Pointer & 0xFFFF);
        }

        state->Gpr[4] = sp;
        MarkAccessed(code);
        SetSegment(CpuState.Cs, (ushort)((selector & ~3) | cpl), code);
        EnterHandler(target, cpl, type is SegmentAttribute.InterruptGate or SegmentAttribute.InterruptGate16);
        return true;
    }

    private bool PushOuter(ref StackWriter writer, ushort ss, ulong sp, ulong flags, ulong rip, bool hasError, uint error)
    {
        TlbEntry* saved = Tlb;
        Tlb = _tlb + (SupervisorTlb * TlbEntries);
        bool done = Push(ref writer, ss) && Push(ref writer, (uint)sp) && PushFrame(ref writer, flags, rip, hasError, error);
        Tlb = saved;
        return done;
    }

    private bool PushFrame(ref StackWriter writer, ulong flags, ulong rip, bool hasError, uint error) =>
        Push(ref writer, (uint)flags) && Push(ref writer, State->SegmentSelector[CpuState.Cs]) && Push(ref writer, (uint)rip)
        && (!hasError || Push(ref writer, error));

    private bool Push(ref StackWriter writer, uint value)
    {
        uint size = writer.Wide ? 4u : 2;
        writer.Pointer = (writer.Pointer & ~writer.Mask) | ((writer.Pointer - size) & writer.Mask);
        uint offset = writer.Pointer & writer.Mask;
        if ((ulong)offset + size - 1 > writer.Limit)
            return RaiseException(ExceptionVector.StackFault, 0);
        uint linear = (uint)(writer.Base + offset);
        return writer.Wide ? TryStore(linear, value) : TryStore(linear, (ushort)value);
    }

    /// <summary>The code segment a gate leads to.</summary>
    private bool TryReadGateTarget(ushort selector, out Descriptor code)
    {
        code = default;
        if ((selector & ~3) == 0)
            return RaiseGeneralProtection();
        if (!TryReadDescriptor(selector, out code))
            return false;
        uint type = code.Attributes & (SegmentAttribute.NotSystem | SegmentAttribute.Code);
        if (type != (SegmentAttribute.NotSystem | SegmentAttribute.Code) || code.Dpl > State->Cpl)
            return RaiseGeneralProtection(selector & ~3u);
        return (code.Attributes & SegmentAttribute.Present) != 0 || RaiseException(ExceptionVector.NotPresent, selector & ~3u);
    }

    private bool TryReadTss(int offset, out ulong value)
    {
        value = 0;
        CpuState* state = State;
        if ((uint)offset + 7 > state->SegmentLimit[CpuState.Tr])
            return RaiseException(ExceptionVector.InvalidTss, state->SegmentSelector[CpuState.Tr] & ~3u);
        return TryLoadSystem(state->SegmentBase[CpuState.Tr] + (uint)offset, out value);
    }

    private bool TryReadInnerStack(int cpl, out ushort selector, out uint pointer, out Descriptor stack)
    {
        CpuState* state = State;
        selector = 0;
        pointer = 0;
        stack = default;
        uint type = state->SegmentAttributes[CpuState.Tr] & SegmentAttribute.Type;
        bool wide = type >= SegmentAttribute.Tss;
        uint offset = wide ? Tss32Esp0 + ((uint)cpl * 8) : Tss16Sp0 + ((uint)cpl * 4);
        if (offset + (wide ? 5u : 3) > state->SegmentLimit[CpuState.Tr])
            return RaiseException(ExceptionVector.InvalidTss, state->SegmentSelector[CpuState.Tr] & ~3u);
        ulong address = state->SegmentBase[CpuState.Tr] + offset;
        if (wide)
        {
            if (!TryLoadSystem(address, out pointer) || !TryLoadSystem(address + 4, out selector))
                return false;
        }
        else
        {
            if (!TryLoadSystem(address, out ushort narrow) || !TryLoadSystem(address + 2, out selector))
                return false;
            pointer = narrow;
        }

        uint error = selector & ~3u;
        if (error == 0)
            return RaiseException(ExceptionVector.InvalidTss, 0);
        if (!TryReadDescriptor(selector, out stack, ExceptionVector.InvalidTss))
            return false;
        uint kind = stack.Attributes & (SegmentAttribute.NotSystem | SegmentAttribute.Code | SegmentAttribute.Writable);
        if (kind != (SegmentAttribute.NotSystem | SegmentAttribute.Writable) || stack.Dpl != cpl || (selector & 3) != cpl)
            return RaiseException(ExceptionVector.InvalidTss, error);
        return (stack.Attributes & SegmentAttribute.Present) != 0 || RaiseException(ExceptionVector.StackFault, error);
    }

    private void EnterHandler(ulong target, int cpl, bool interruptsOff)
    {
        CpuState* state = State;
        state->Rip = target;
        state->Cpl = (byte)cpl;
        state->OtherFlags &= ~(CpuState.Tf | CpuState.Nt | CpuState.Rf | CpuState.Vm | (interruptsOff ? CpuState.If : 0));
        UpdateMode();
    }

    private struct StackWriter(ulong @base, uint pointer, uint mask, uint limit, bool wide)
    {
        public uint Pointer = pointer;
        public readonly ulong Base = @base;
        public readonly uint Mask = mask;
        public readonly uint Limit = limit;
        public readonly bool Wide = wide;
    }
}
