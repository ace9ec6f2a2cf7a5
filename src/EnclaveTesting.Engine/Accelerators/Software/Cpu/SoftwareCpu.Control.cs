using EnclaveTesting.Engine.Accelerators.Cpuid;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Control registers and what hangs on them (SDM vol. 3, 2.5).</summary>
internal sealed unsafe partial class SoftwareCpu
{
    internal const ulong Dr6Fixed = 0xFFFF_0FF0, Dr7Fixed = 0x400;

    /// <summary>Whether CPL is 0; else #GP is pending.</summary>
    internal bool CheckSupervisor() => State->Cpl == 0 || RaiseGeneralProtection();

    internal bool WriteCr0(ulong value)
    {
        CpuState* state = State;
        ulong old = state->Cr0;
        bool paging = (value & ControlBits.Cr0Pg) != 0;
        bool impossible = (value >> 32) != 0
            || (paging && (value & ControlBits.Cr0Pe) == 0)
            || ((value & ControlBits.Cr0Nw) != 0 && (value & ControlBits.Cr0Cd) == 0);
        if (impossible)
            return RaiseGeneralProtection();
        value = (value & ControlBits.Cr0Known) | ControlBits.Cr0Et;
        bool isLongCode = (_mode & CpuMode.CodeSize) == CpuMode.Code64;
        if (paging != ((old & ControlBits.Cr0Pg) != 0))
        {
            if (paging && (state->Efer & EferBits.LongModeEnable) != 0)
            {
                if ((state->Cr4 & ControlBits.Cr4Pae) == 0 || (state->SegmentAttributes[CpuState.Cs] & SegmentAttribute.Long) != 0)
                    return RaiseGeneralProtection();
                state->Efer |= EferBits.LongModeActive;
            }
            else if (!paging)
            {
                if (isLongCode)
                    return RaiseGeneralProtection();
                state->Efer &= ~EferBits.LongModeActive;
            }
        }

        state->Cr0 = value;
        if (((old ^ value) & (ControlBits.Cr0Pg | ControlBits.Cr0Pe | ControlBits.Cr0Wp)) != 0)
            FlushTlb();
        UpdateMode();
        return true;
    }

    internal bool WriteCr3(ulong value)
    {
        if ((State->Efer & EferBits.LongModeActive) != 0 ? (value & ~PhysicalMask) != 0 : (value >> 32) != 0)
            return RaiseGeneralProtection();
        State->Cr3 = value;
        FlushTlbLocal();
        return true;
    }

    internal bool WriteCr4(ulong value)
    {
        CpuState* state = State;
        if ((value & ~_cr4Writable) != 0)
            return RaiseGeneralProtection();
        if ((state->Efer & EferBits.LongModeActive) != 0 && (value & ControlBits.Cr4Pae) == 0)
            return RaiseGeneralProtection();
        const ulong translation = ControlBits.Cr4Pse | ControlBits.Cr4Pae | ControlBits.Cr4Pge | ControlBits.Cr4Smep | ControlBits.Cr4Smap;
        ulong changed = state->Cr4 ^ value;
        state->Cr4 = value;
        if ((changed & translation) != 0)
            FlushTlb();
        UpdateMode();
        return true;
    }

    internal bool WriteEfer(ulong value)
    {
        CpuState* state = State;
        ulong changed = state->Efer ^ value;
        if ((value & ~(EferBits.Writable | EferBits.LongModeActive)) != 0)
            return RaiseGeneralProtection();
        if ((changed & EferBits.LongModeEnable) != 0 && (state->Cr0 & ControlBits.Cr0Pg) != 0)
            return RaiseGeneralProtection();
        state->Efer = (value & EferBits.Writable) | (state->Efer & EferBits.LongModeActive);
        if ((changed & EferBits.NoExecute) != 0)
            FlushTlb();
        UpdateMode();
        return true;
    }

    /// <summary>XSETBV of XCR0.</summary>
    internal bool WriteXcr0(ulong value)
    {
        const ulong x87 = 1, sse = 2, avx = 4;
        bool possible = (value & ~CpuidTable.StateComponents(Template)) == 0 && (value & x87) != 0 && ((value & avx) == 0 || (value & sse) != 0);
        if (!possible)
            return RaiseGeneralProtection();
        State->Xcr0 = value;
        UpdateMode();
        return true;
    }

    internal bool InvalidatePage(ulong linear)
    {
        FlushPage(linear);
        return true;
    }

    /// <summary>Whether the CPU may touch the ports: IOPL, else the TSS's bitmap.</summary>
    internal bool CheckPort(ushort port, int size)
    {
        CpuState* state = State;
        if ((state->Cr0 & ControlBits.Cr0Pe) == 0 || state->Cpl <= (int)((state->OtherFlags & CpuState.Iopl) >> 12))
            return true;
        const uint mapBase = 0x66;
        uint limit = state->SegmentLimit[CpuState.Tr];
        uint type = state->SegmentAttributes[CpuState.Tr] & SegmentAttribute.Type;
        if (type < SegmentAttribute.Tss || limit < mapBase + 1)
            return RaiseGeneralProtection();
        ulong tss = state->SegmentBase[CpuState.Tr];
        if (!TryLoadSystem(tss + mapBase, out ushort map))
            return false;
        uint at = map + ((uint)port >> 3);
        if (at + 1 > limit)
            return RaiseGeneralProtection();
        if (!TryLoadSystem(tss + at, out ushort bits))
            return false;
        int wanted = ((1 << size) - 1) << (port & 7);
        return (bits & wanted) == 0 || RaiseGeneralProtection();
    }

    /// <summary>Tells the platform about an instruction this CPU lacks.</summary>
    internal void NoteUnimplemented(Op* op)
    {
        byte* bytes = stackalloc byte[op->Length];
        var code = new Span<byte>(bytes, op->Length);
        ulong rip = RipOf(op);
        ulong linear = (_mode & CpuMode.CodeSize) == CpuMode.Code64 ? rip : (uint)(State->SegmentBase[CpuState.Cs] + rip);
        if (!TryReadBytes(linear, code))
            code.Clear();
        _platform.NoteUnimplemented(Index, rip, code);
    }

    /// <summary>The next number of the generator behind RDRAND and RDSEED (SplitMix64).</summary>
    internal ulong NextRandom()
    {
        ulong value = State->RandomState += 0x9E37_79B9_7F4A_7C15;
        value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
        return value ^ (value >> 31);
    }
}
