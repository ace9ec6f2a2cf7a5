namespace EnclaveTesting.Engine.Accelerators.Cpuid;

/// <summary>One bit of CPUID that says that something is there.</summary>
/// <param name="Name">As Linux has it in /proc/cpuinfo.</param>
/// <param name="Function">The leaf.</param>
/// <param name="Index">The subleaf.</param>
/// <param name="Register">In which register.</param>
/// <param name="Bit">Which bit.</param>
/// <param name="From">The lowest template with it; <see cref="CpuTemplate.Host"/> where only the software CPU's own has it.</param>
internal sealed record CpuFeature(string Name, uint Function, uint Index, CpuidRegister Register, int Bit, CpuTemplate From)
{
    /// <summary>Whether a CPU of this template has it.</summary>
    public bool IsIn(CpuTemplate template) => template == CpuTemplate.Host || (From != CpuTemplate.Host && From <= template);
}
