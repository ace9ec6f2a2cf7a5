namespace EnclaveTesting.Engine.Eif;

/// <summary>The CPU architecture an image was built for: bit 0 of the EIF header's flags.</summary>
internal enum EifArchitecture
{
    /// <summary>64-bit x86 (flag clear).</summary>
    X86_64 = 0,

    /// <summary>64-bit Arm (flag set).</summary>
    Aarch64 = 1,
}
