using EnclaveTesting.Engine.Accelerators.Cpuid;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Model-specific registers of the CPU itself; the platform has the rest (SDM vol. 4).</summary>
internal sealed unsafe partial class SoftwareCpu
{
    private const uint MsrTsc = 0x10, MsrPlatformId = 0x17, MsrSpecCtrl = 0x48, MsrPredCmd = 0x49, MsrMicrocode = 0x8B, MsrMtrrCap = 0xFE;
    private const uint MsrArchCapabilities = 0x10A, MsrFlushCmd = 0x10B;
    private const uint MsrSysenterCs = 0x174, MsrSysenterEsp = 0x175, MsrSysenterEip = 0x176, MsrMcgCap = 0x179, MsrMcgStatus = 0x17A;
    private const uint MsrMiscEnable = 0x1A0, MsrMtrrPhysBase = 0x200, MsrMtrrPhysLast = 0x20F, MsrPat = 0x277, MsrMtrrDefType = 0x2FF;
    private const uint MsrEfer = 0xC000_0080, MsrStar = 0xC000_0081, MsrLstar = 0xC000_0082, MsrCstar = 0xC000_0083, MsrSyscallMask = 0xC000_0084;
    private const uint MsrFsBase = 0xC000_0100, MsrGsBase = 0xC000_0101, MsrKernelGsBase = 0xC000_0102, MsrTscAux = 0xC000_0103;

    /// <summary>Eight variable ranges, fixed ranges, write combining.</summary>
    private const ulong MtrrCap = 0x508;

    /// <summary>The CPU has none of the speculation bugs: it does not speculate.</summary>
    private const ulong ArchCapabilities = 0x0000_0000_0510_E17B | (1UL << 62);

    private static ReadOnlySpan<ushort> MtrrFixedMsrs => [0x250, 0x258, 0x259, 0x268, 0x269, 0x26A, 0x26B, 0x26C, 0x26D, 0x26E, 0x26F];

    /// <summary>RDMSR; false with #GP pending.</summary>
    internal bool ReadMsr(uint index, out ulong value)
    {
        CpuState* state = State;
        value = 0;
        if (!HasMsr(index))
            return RaiseGeneralProtection();
        switch (index)
        {
            case MsrTsc: value = _platform.ReadTsc(Index); return true;
            case MsrPlatformId or MsrMcgCap or MsrMcgStatus: value = 0; return true;
            case MsrSpecCtrl: value = state->SpecCtrl; return true;
            case MsrMicrocode: value = 1UL << 32; return true;
            case MsrMtrrCap: value = MtrrCap; return true;
            case MsrArchCapabilities: value = ArchCapabilities; return true;
            case MsrSysenterCs: value = state->SysenterCs; return true;
            case MsrSysenterEsp: value = state->SysenterEsp; return true;
            case MsrSysenterEip: value = state->SysenterEip; return true;
            case MsrMiscEnable: value = state->MiscEnable; return true;
            case >= MsrMtrrPhysBase and <= MsrMtrrPhysLast: value = state->MtrrVariable[index - MsrMtrrPhysBase]; return true;
            case MsrPat: value = state->Pat; return true;
            case MsrMtrrDefType: value = state->MtrrDefaultType; return true;
            case MsrEfer: value = state->Efer; return true;
            case MsrStar: value = state->Star; return true;
            case MsrLstar: value = state->Lstar; return true;
            case MsrCstar: value = state->Cstar; return true;
            case MsrSyscallMask: value = state->SyscallMask; return true;
            case MsrFsBase: value = state->SegmentBase[CpuState.Fs]; return true;
            case MsrGsBase: value = state->SegmentBase[CpuState.Gs]; return true;
            case MsrKernelGsBase: value = state->KernelGsBase; return true;
            case MsrTscAux: value = state->TscAux; return true;
        }

        int range = index <= ushort.MaxValue ? MtrrFixedMsrs.IndexOf((ushort)index) : -1;
        if (range >= 0)
        {
            value = state->MtrrFixed[range];
            return true;
        }

        return _platform.TryReadMsr(Index, index, out value) || RaiseGeneralProtection();
    }

    /// <summary>WRMSR; false with #GP pending.</summary>
    internal bool WriteMsr(uint index, ulong value)
    {
        CpuState* state = State;
        if (!HasMsr(index))
            return RaiseGeneralProtection();
        switch (index)
        {
            case MsrSpecCtrl:
                if (value > 7)
                    return RaiseGeneralProtection();
                state->SpecCtrl = value;
                return true;
            case MsrPredCmd or MsrFlushCmd or MsrMicrocode or MsrMcgStatus:
                return true;
            case MsrSysenterCs: state->SysenterCs = value; return true;
            case MsrSysenterEsp: return WriteAddress(ref state->SysenterEsp, value);
            case MsrSysenterEip: return WriteAddress(ref state->SysenterEip, value);
            case MsrMiscEnable: state->MiscEnable = value; return true;
            case >= MsrMtrrPhysBase and <= MsrMtrrPhysLast: state->MtrrVariable[index - MsrMtrrPhysBase] = value; return true;
            case MsrPat: return WritePat(value);
            case MsrMtrrDefType: state->MtrrDefaultType = value; return true;
            case MsrEfer: return WriteEfer(value);
            case MsrStar: state->Star = value; return true;
            case MsrLstar: return WriteAddress(ref state->Lstar, value);
            case MsrCstar: return WriteAddress(ref state->Cstar, value);
            case MsrSyscallMask: state->SyscallMask = (uint)value; return true;
            case MsrFsBase: return WriteAddress(ref state->SegmentBase[CpuState.Fs], value);
            case MsrGsBase: return WriteAddress(ref state->SegmentBase[CpuState.Gs], value);
            case MsrKernelGsBase: return WriteAddress(ref state->KernelGsBase, value);
            case MsrTscAux:
                if (value > uint.MaxValue)
                    return RaiseGeneralProtection();
                state->TscAux = (uint)value;
                return true;
        }

        int range = index <= ushort.MaxValue ? MtrrFixedMsrs.IndexOf((ushort)index) : -1;
        if (range >= 0)
        {
            state->MtrrFixed[range] = value;
            return true;
        }

        return _platform.TryWriteMsr(Index, index, value) || RaiseGeneralProtection();
    }

    /// <summary>Whether the template has the feature that a register belongs to.</summary>
    private bool HasMsr(uint index) => Template == CpuTemplate.Host || index switch
    {
        MsrSpecCtrl or MsrPredCmd => CpuFeatures.Has(Template, "spec_ctrl"),
        MsrArchCapabilities or MsrFlushCmd => CpuFeatures.Has(Template, "arch_capabilities"),
        MsrTscAux => CpuFeatures.Has(Template, "rdtscp"),
        _ => true,
    };

    private bool WriteAddress(ref ulong register, ulong value)
    {
        if (!IsCanonical(value))
            return RaiseGeneralProtection();
        register = value;
        return true;
    }

    private bool WritePat(ulong value)
    {
        for (int i = 0; i < 64; i += 8)
        {
            if (((value >> i) & 0xFF) is not (0 or 1 or (>= 4 and <= 7)))
                return RaiseGeneralProtection();
        }

        State->Pat = value;
        return true;
    }
}
