namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Where an instruction's operands are.</summary>
internal enum OperandForm : byte
{
    None,

    /// <summary>Destination ModRM.rm, source ModRM.reg.</summary>
    RmReg,

    /// <summary>Destination ModRM.reg, source ModRM.rm.</summary>
    RegRm,

    /// <summary>Destination ModRM.rm (or the register in the opcode), source an immediate.</summary>
    RmImmediate,

    /// <summary>Destination the accumulator, source an immediate.</summary>
    AccumulatorImmediate,

    /// <summary>Destination ModRM.rm, source CL.</summary>
    RmCount,

    /// <summary>Destination ModRM.reg, sources ModRM.rm and an immediate.</summary>
    RegRmImmediate,

    /// <summary>One operand, ModRM.rm or the register in the opcode.</summary>
    Rm,

    /// <summary>The accumulator and the register in the opcode.</summary>
    AccumulatorRm,
}
