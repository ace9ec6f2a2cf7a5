using System.Runtime.CompilerServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>A two-operand instruction of the first six opcode rows, and TEST.</summary>
internal unsafe interface IAluOperation
{
    /// <summary>Whether the result goes to the destination.</summary>
    static abstract bool Writes { get; }

    /// <summary>Computes the result and sets the flags.</summary>
    static abstract T Apply<T>(CpuState* state, T left, T right)
        where T : unmanaged;
}

/// <summary>ADD.</summary>
internal readonly unsafe struct Add : IAluOperation
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(CpuState* state, T left, T right)
        where T : unmanaged
    {
        T result = Width.Truncate<T>(Width.ZeroExtend(left) + Width.ZeroExtend(right));
        Width.SetAddFlags(state, left, right, result);
        return result;
    }
}

/// <summary>ADC.</summary>
internal readonly unsafe struct AddWithCarry : IAluOperation
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(CpuState* state, T left, T right)
        where T : unmanaged
    {
        T result = Width.Truncate<T>(Width.ZeroExtend(left) + Width.ZeroExtend(right) + (state->FlagCarry >> 63));
        Width.SetAddFlags(state, left, right, result);
        return result;
    }
}

/// <summary>SUB.</summary>
internal readonly unsafe struct Subtract : IAluOperation
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(CpuState* state, T left, T right)
        where T : unmanaged
    {
        T result = Width.Truncate<T>(Width.ZeroExtend(left) - Width.ZeroExtend(right));
        Width.SetSubtractFlags(state, left, right, result);
        return result;
    }
}

/// <summary>SBB.</summary>
internal readonly unsafe struct SubtractWithBorrow : IAluOperation
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(CpuState* state, T left, T right)
        where T : unmanaged
    {
        T result = Width.Truncate<T>(Width.ZeroExtend(left) - Width.ZeroExtend(right) - (state->FlagCarry >> 63));
        Width.SetSubtractFlags(state, left, right, result);
        return result;
    }
}

/// <summary>CMP.</summary>
internal readonly unsafe struct Compare : IAluOperation
{
    public static bool Writes => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(CpuState* state, T left, T right)
        where T : unmanaged => Subtract.Apply(state, left, right);
}

/// <summary>AND.</summary>
internal readonly unsafe struct And : IAluOperation
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(CpuState* state, T left, T right)
        where T : unmanaged
    {
        T result = Width.Truncate<T>(Width.ZeroExtend(left) & Width.ZeroExtend(right));
        state->SetLogic(Width.SignExtend(result));
        return result;
    }
}

/// <summary>TEST.</summary>
internal readonly unsafe struct Test : IAluOperation
{
    public static bool Writes => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(CpuState* state, T left, T right)
        where T : unmanaged => And.Apply(state, left, right);
}

/// <summary>OR.</summary>
internal readonly unsafe struct Or : IAluOperation
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(CpuState* state, T left, T right)
        where T : unmanaged
    {
        T result = Width.Truncate<T>(Width.ZeroExtend(left) | Width.ZeroExtend(right));
        state->SetLogic(Width.SignExtend(result));
        return result;
    }
}

/// <summary>XOR.</summary>
internal readonly unsafe struct ExclusiveOr : IAluOperation
{
    public static bool Writes => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Apply<T>(CpuState* state, T left, T right)
        where T : unmanaged
    {
        T result = Width.Truncate<T>(Width.ZeroExtend(left) ^ Width.ZeroExtend(right));
        state->SetLogic(Width.SignExtend(result));
        return result;
    }
}
