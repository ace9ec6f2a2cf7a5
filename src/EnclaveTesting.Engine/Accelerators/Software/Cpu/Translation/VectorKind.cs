namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>The SSE instructions that are translated, by their operands.</summary>
internal enum VectorKind : byte
{
    None,

    /// <summary>ModRM.reg becomes what follows from it and ModRM.rm.</summary>
    Compute,

    /// <summary>ModRM.rm becomes what follows from it and an immediate.</summary>
    ShiftImmediate,

    /// <summary>The lowest bytes of ModRM.reg go to memory, or what follows from both to a register in ModRM.rm.</summary>
    Store,

    /// <summary>A general register in ModRM.rm, with zeros above it, or memory goes to ModRM.reg.</summary>
    MoveIn,

    /// <summary>The lowest bytes of ModRM.reg go to a general register or to memory in ModRM.rm.</summary>
    MoveOut,

    /// <summary>The elements' top bits go to a general register in ModRM.reg.</summary>
    SignBits,

    /// <summary>As <see cref="Compute"/>, with numbers that may raise exceptions.</summary>
    Float,

    /// <summary>Two numbers are compared into RFLAGS.</summary>
    Compare,

    /// <summary>A general register or memory in ModRM.rm becomes a number in ModRM.reg.</summary>
    FromInteger,

    /// <summary>A number becomes an integer in a general register in ModRM.reg.</summary>
    ToInteger,
}
