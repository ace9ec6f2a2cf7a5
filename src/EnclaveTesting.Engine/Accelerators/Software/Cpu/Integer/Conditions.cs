using System.Runtime.CompilerServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>A condition of Jcc, SETcc and CMOVcc.</summary>
internal unsafe interface ICondition
{
    static abstract bool Test(CpuState* state);
}

/// <summary>The opposite of another.</summary>
internal readonly unsafe struct Not<TCondition> : ICondition
    where TCondition : struct, ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* state) => !TCondition.Test(state);
}

/// <summary>O: OF.</summary>
internal readonly unsafe struct IfOverflow : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* state) => state->Overflow;
}

/// <summary>B, C: CF.</summary>
internal readonly unsafe struct IfBelow : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* state) => state->Carry;
}

/// <summary>E, Z: ZF.</summary>
internal readonly unsafe struct IfEqual : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* state) => state->Zero;
}

/// <summary>BE: CF or ZF.</summary>
internal readonly unsafe struct IfBelowOrEqual : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* state) => state->Carry || state->Zero;
}

/// <summary>S: SF.</summary>
internal readonly unsafe struct IfSign : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* state) => state->Sign;
}

/// <summary>P: PF.</summary>
internal readonly unsafe struct IfParity : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* state) => state->Parity;
}

/// <summary>L: SF differs from OF.</summary>
internal readonly unsafe struct IfLess : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* state) => state->Less;
}

/// <summary>LE: ZF, or SF differs from OF.</summary>
internal readonly unsafe struct IfLessOrEqual : ICondition
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Test(CpuState* state) => state->Zero || state->Less;
}
