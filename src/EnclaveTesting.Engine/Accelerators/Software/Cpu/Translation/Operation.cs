namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>What a translation does itself; for the rest it calls the interpreter's handler.</summary>
internal enum Operation : byte
{
    Handler,
    Nothing,
    Move,
    ZeroExtend,
    SignExtend,
    LoadAddress,
    Add,
    Or,
    AddWithCarry,
    SubtractWithBorrow,
    And,
    Subtract,
    ExclusiveOr,
    Compare,
    Test,
    Increment,
    Decrement,
    Negate,
    Complement,
    ShiftLeft,
    ShiftRight,
    ShiftArithmetic,
    RotateLeft,
    RotateRight,
    Multiply,
    SetIf,
    MoveIf,
    Push,
    Pop,
    Leave,
    Exchange,
    SwapBytes,
    ExtendAccumulator,
    ExtendIntoData,
    Jump,
    JumpIf,
    Call,
    JumpIndirect,
    CallIndirect,
    Return,
    FallThrough,

    /// <summary>See <see cref="VectorOp"/>.</summary>
    Vector,

    /// <summary>Of flags: what a comparison of two numbers set.</summary>
    FloatCompare,
}
