namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>FCMOVcc.</summary>
internal static unsafe class X87Conditions
{
    /// <summary>CF.</summary>
    public static bool IfBelow(SoftwareCpu cpu, Op* op) => X87Moves.MoveIf(cpu, op, Carry(cpu));

    /// <summary>ZF.</summary>
    public static bool IfEqual(SoftwareCpu cpu, Op* op) => X87Moves.MoveIf(cpu, op, Zero(cpu));

    /// <summary>CF or ZF.</summary>
    public static bool IfBelowOrEqual(SoftwareCpu cpu, Op* op) => X87Moves.MoveIf(cpu, op, Carry(cpu) || Zero(cpu));

    /// <summary>PF.</summary>
    public static bool IfUnordered(SoftwareCpu cpu, Op* op) => X87Moves.MoveIf(cpu, op, Parity(cpu));

    /// <summary>Not CF.</summary>
    public static bool IfNotBelow(SoftwareCpu cpu, Op* op) => X87Moves.MoveIf(cpu, op, !Carry(cpu));

    /// <summary>Not ZF.</summary>
    public static bool IfNotEqual(SoftwareCpu cpu, Op* op) => X87Moves.MoveIf(cpu, op, !Zero(cpu));

    /// <summary>Neither CF nor ZF.</summary>
    public static bool IfNotBelowOrEqual(SoftwareCpu cpu, Op* op) => X87Moves.MoveIf(cpu, op, !Carry(cpu) && !Zero(cpu));

    /// <summary>Not PF.</summary>
    public static bool IfNotUnordered(SoftwareCpu cpu, Op* op) => X87Moves.MoveIf(cpu, op, !Parity(cpu));

    private static bool Carry(SoftwareCpu cpu) => cpu.State->FlagCarry >> 63 != 0;

    private static bool Zero(SoftwareCpu cpu) => cpu.State->FlagZero == 0;

    private static bool Parity(SoftwareCpu cpu) => (System.Numerics.BitOperations.PopCount((byte)cpu.State->FlagSign) & 1) == 0;
}
