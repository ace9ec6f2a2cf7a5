namespace EnclaveTesting.Engine.Accelerators.Cpuid;

/// <summary>The registers CPUID answers in.</summary>
internal enum CpuidRegister : byte
{
    Eax,
    Ebx,
    Ecx,
    Edx,
}
