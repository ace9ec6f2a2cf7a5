namespace EnclaveTesting.Engine.Accelerators.Cpuid;

/// <summary>What CPUID answers.</summary>
internal readonly record struct CpuidLeaf(uint Eax, uint Ebx, uint Ecx, uint Edx)
{
    /// <summary>One of the four.</summary>
    public uint this[CpuidRegister register] => register switch
    {
        CpuidRegister.Eax => Eax,
        CpuidRegister.Ebx => Ebx,
        CpuidRegister.Ecx => Ecx,
        _ => Edx,
    };
}
