namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Segment registers and descriptor tables (SDM vol. 3, chapter 3).</summary>
internal sealed unsafe partial class SoftwareCpu
{
    private const uint RealSegmentAttributes = SegmentAttribute.NotSystem | SegmentAttribute.Present | SegmentAttribute.Writable | SegmentAttribute.Accessed;

    /// <summary>MOV to and POP into ES, SS, DS, FS, GS.</summary>
    internal bool LoadSegment(int segment, ushort selector)
    {
        CpuState* state = State;
        if ((state->Cr0 & ControlBits.Cr0Pe) == 0)
        {
            SetRealSegment(segment, selector);
            return true;
        }

        uint error = selector & ~3u;
        int rpl = selector & 3;
        bool isStack = segment == CpuState.Ss;
        if (error == 0)
        {
            bool allowed = !isStack || ((_mode & CpuMode.CodeSize) == CpuMode.Code64 && state->Cpl != 3 && rpl == state->Cpl);
            if (!allowed)
                return RaiseGeneralProtection();
            SetNullSegment(segment, selector);
            if (isStack)
                UpdateMode();
            return true;
        }

        if (!TryReadDescriptor(selector, out Descriptor descriptor))
            return false;
        uint attributes = descriptor.Attributes;
        bool isCode = (attributes & SegmentAttribute.Code) != 0;
        bool fits;
        if (isStack)
        {
            fits = rpl == state->Cpl && descriptor.Dpl == state->Cpl && !isCode && (attributes & SegmentAttribute.Writable) != 0;
        }
        else
        {
            bool conforming = isCode && (attributes & SegmentAttribute.Conforming) != 0;
            fits = (!isCode || (attributes & SegmentAttribute.Readable) != 0) && (conforming || descriptor.Dpl >= Math.Max(rpl, (int)state->Cpl));
        }

        if ((attributes & SegmentAttribute.NotSystem) == 0 || !fits)
            return RaiseGeneralProtection(error);
        if ((attributes & SegmentAttribute.Present) == 0)
            return RaiseException(isStack ? ExceptionVector.StackFault : ExceptionVector.NotPresent, error);
        MarkAccessed(descriptor);
        SetSegment(segment, selector, descriptor);
        if (isStack)
            UpdateMode();
        return true;
    }

    /// <summary>LLDT.</summary>
    internal bool LoadLocalTable(ushort selector)
    {
        if ((selector & ~3) == 0)
        {
            SetNullSegment(CpuState.Ldtr, selector);
            return true;
        }

        if ((selector & 4) != 0)
            return RaiseGeneralProtection(selector & ~3u);
        if (!TryReadSystemDescriptor(selector, out Descriptor descriptor))
            return false;
        if ((descriptor.Attributes & (SegmentAttribute.NotSystem | SegmentAttribute.Type)) != SegmentAttribute.LocalTable)
            return RaiseGeneralProtection(selector & ~3u);
        if ((descriptor.Attributes & SegmentAttribute.Present) == 0)
            return RaiseException(ExceptionVector.NotPresent, selector & ~3u);
        SetSegment(CpuState.Ldtr, selector, descriptor);
        return true;
    }

    /// <summary>LTR.</summary>
    internal bool LoadTaskRegister(ushort selector)
    {
        if ((selector & ~3) == 0)
            return RaiseGeneralProtection();
        if ((selector & 4) != 0)
            return RaiseGeneralProtection(selector & ~3u);
        if (!TryReadSystemDescriptor(selector, out Descriptor descriptor))
            return false;
        uint type = descriptor.Attributes & (SegmentAttribute.NotSystem | SegmentAttribute.Type);
        bool isLong = (State->Efer & EferBits.LongModeActive) != 0;
        if (type != SegmentAttribute.Tss && (isLong || type != SegmentAttribute.Tss16))
            return RaiseGeneralProtection(selector & ~3u);
        if ((descriptor.Attributes & SegmentAttribute.Present) == 0)
            return RaiseException(ExceptionVector.NotPresent, selector & ~3u);
        if (!TryStoreSystem(descriptor.Address + 5, (byte)((descriptor.Raw >> 40) | SegmentAttribute.Busy)))
            return false;
        SetSegment(CpuState.Tr, selector, descriptor with { Attributes = descriptor.Attributes | SegmentAttribute.Busy });
        return true;
    }

    /// <summary>Reads a descriptor; a selector beyond its table raises #GP, or the vector given.</summary>
    internal bool TryReadDescriptor(ushort selector, out Descriptor descriptor, int vector = ExceptionVector.GeneralProtection)
    {
        descriptor = default;
        if (!TryFindDescriptor(selector, out ulong address))
            return RaiseException(vector, selector & ~3u);
        if (!TryLoadSystem(address, out ulong raw))
            return false;
        descriptor = Descriptor.Parse(address, raw);
        return true;
    }

    /// <summary>Where a descriptor stands; false, without a fault, where its table ends before it.</summary>
    internal bool TryFindDescriptor(ushort selector, out ulong address)
    {
        CpuState* state = State;
        uint index = selector & ~7u;
        bool local = (selector & 4) != 0;
        ulong start = local ? state->SegmentBase[CpuState.Ldtr] : state->GdtrBase;
        uint limit = local ? state->SegmentLimit[CpuState.Ldtr] : state->GdtrLimit;
        address = start + index;
        return index + 7 <= limit && !(local && (state->SegmentAttributes[CpuState.Ldtr] & SegmentAttribute.Unusable) != 0);
    }

    internal void SetSegment(int segment, ushort selector, in Descriptor descriptor)
    {
        CpuState* state = State;
        state->SegmentSelector[segment] = selector;
        state->SegmentBase[segment] = descriptor.Base;
        state->SegmentLimit[segment] = descriptor.Limit;
        state->SegmentAttributes[segment] = descriptor.Attributes | (segment < CpuState.NoSegment ? SegmentAttribute.Accessed : 0);
    }

    internal void SetNullSegment(int segment, ushort selector)
    {
        CpuState* state = State;
        state->SegmentSelector[segment] = selector;
        state->SegmentBase[segment] = 0;
        state->SegmentLimit[segment] = 0;
        state->SegmentAttributes[segment] = SegmentAttribute.Unusable;
    }

    /// <summary>Real mode leaves limits alone.</summary>
    internal void SetRealSegment(int segment, ushort selector)
    {
        CpuState* state = State;
        state->SegmentSelector[segment] = selector;
        state->SegmentBase[segment] = (uint)selector << 4;
        state->SegmentAttributes[segment] = (state->SegmentAttributes[segment] & SegmentAttribute.Big) | RealSegmentAttributes
            | (segment == CpuState.Cs ? SegmentAttribute.Code : 0);
        if (segment == CpuState.Cs)
            state->SegmentAttributes[segment] &= ~SegmentAttribute.Big;
    }

    /// <summary>A descriptor that is loaded gets its accessed bit.</summary>
    internal void MarkAccessed(in Descriptor descriptor)
    {
        if ((descriptor.Attributes & (SegmentAttribute.NotSystem | SegmentAttribute.Accessed)) != SegmentAttribute.NotSystem)
            return;

        // The table may be read-only, as Linux's is; then the bit must be set already, and a fault here would have no instruction to blame.
        int pending = _pendingVector;
        ulong cr2 = State->Cr2;
        if (!TryStoreSystem(descriptor.Address + 5, (byte)((descriptor.Raw >> 40) | SegmentAttribute.Accessed)))
        {
            _pendingVector = pending;
            State->Cr2 = cr2;
        }
    }

    /// <summary>Reads an LDT's or TSS's descriptor, 16 bytes in long mode.</summary>
    private bool TryReadSystemDescriptor(ushort selector, out Descriptor descriptor)
    {
        if (!TryReadDescriptor(selector, out descriptor))
            return false;
        if ((State->Efer & EferBits.LongModeActive) == 0)
            return true;
        if (!TryFindDescriptor((ushort)(selector + 8), out _))
            return RaiseGeneralProtection(selector & ~3u);
        if (!TryLoadSystem(descriptor.Address + 8, out uint high))
            return false;
        descriptor = descriptor with { Base = descriptor.Base | ((ulong)high << 32) };
        return IsCanonical(descriptor.Base) || RaiseGeneralProtection(selector & ~3u);
    }
}
