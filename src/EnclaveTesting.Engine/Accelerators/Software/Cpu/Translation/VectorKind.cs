namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>The SSE instructions that are translated.</summary>
internal enum VectorKind : byte
{
    None,

    /// <summary>16 bytes to a register.</summary>
    Load,

    /// <summary>16 bytes from a register.</summary>
    Store,

    /// <summary>Register = register op register or memory.</summary>
    Compute,
}
