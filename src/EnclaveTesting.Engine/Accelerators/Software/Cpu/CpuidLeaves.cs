using EnclaveTesting.Engine.Accelerators.Cpuid;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>CPUID of a software CPU: its table, and what follows from its state.</summary>
internal static unsafe class CpuidLeaves
{
    private const uint Osxsave = 1 << 27;

    /// <summary>Answers CPUID.</summary>
    public static CpuidLeaf Read(SoftwareCpu cpu, uint function, uint index)
    {
        CpuState* state = cpu.State;
        CpuidLeaf leaf = cpu.Cpuid.Find(ref function, index);
        return function switch
        {
            1 when (state->Cr4 & ControlBits.Cr4Osxsave) != 0 => leaf with { Ecx = leaf.Ecx | Osxsave },
            0xD when leaf.Ebx != 0 && index < 2 => leaf with { Ebx = CpuidTable.LegacyStateSize + ((state->Xcr0 & 4) != 0 ? CpuidTable.AvxStateSize : 0) },
            _ => leaf,
        };
    }
}
