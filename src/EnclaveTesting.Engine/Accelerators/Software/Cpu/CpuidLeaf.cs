namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>What CPUID answers.</summary>
internal readonly record struct CpuidLeaf(uint Eax, uint Ebx, uint Ecx, uint Edx);
