namespace EnclaveTesting.Engine.Accelerators;

/// <summary>
/// The processor that a guest sees by CPUID. Every template but <see cref="Host"/> is the same on every accelerator and every host, so that what
/// a guest finds out about its processor is as well.
/// </summary>
public enum CpuTemplate
{
    /// <summary>What the accelerator has: on KVM all that it offers of the host's processor, on the software CPU all that is implemented.</summary>
    Host,

    /// <summary>x86-64 as it began, level v1 of the x86-64 psABI: SSE2 and no more.</summary>
    Baseline,

    /// <summary>Level v2: SSE4.2, POPCNT, CMPXCHG16B.</summary>
    V2,

    /// <summary>Level v3: AVX2, BMI1, BMI2, F16C, FMA, LZCNT, MOVBE, XSAVE.</summary>
    V3,
}
