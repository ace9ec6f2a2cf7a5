namespace EnclaveTesting.Engine.Accelerators.Cpuid;

/// <summary>The answer to one CPUID leaf.</summary>
/// <param name="Function">EAX.</param>
/// <param name="Index">ECX, where it matters for this leaf.</param>
/// <param name="Leaf">The answer.</param>
internal readonly record struct CpuidEntry(uint Function, uint? Index, CpuidLeaf Leaf);
