using System.Numerics;
using System.Runtime.CompilerServices;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>What translations call for flags: the interpreter's own operations, from the operands that a translation has kept.</summary>
internal static unsafe class TranslatedFlags
{
    public static void Add<T>(CpuState* state, T left, T right)
        where T : unmanaged, IBinaryInteger<T> => Width.SetAddFlags(state, left, right, left + right);

    public static void Subtract<T>(CpuState* state, T left, T right)
        where T : unmanaged, IBinaryInteger<T> => Width.SetSubtractFlags(state, left, right, left - right);

    public static void Logic<T>(CpuState* state, T result)
        where T : unmanaged, IBinaryInteger<T> => state->SetLogic(Width.SignExtend(result));

    public static void Increment<T>(CpuState* state, T value)
        where T : unmanaged, IBinaryInteger<T> => Unary.Increment.Apply(state, value);

    public static void Decrement<T>(CpuState* state, T value)
        where T : unmanaged, IBinaryInteger<T> => Unary.Decrement.Apply(state, value);

    public static T AddWithCarry<T>(CpuState* state, T left, T right)
        where T : unmanaged, IBinaryInteger<T> => Integer.AddWithCarry.Apply(state, left, right);

    public static T SubtractWithBorrow<T>(CpuState* state, T left, T right)
        where T : unmanaged, IBinaryInteger<T> => Integer.SubtractWithBorrow.Apply(state, left, right);

    public static T Multiply<T>(CpuState* state, T left, T right)
        where T : unmanaged, IBinaryInteger<T> => Integer.Multiply.ShortProduct(state, left, right);

    public static T ShiftLeft<T>(CpuState* state, T value, int count)
        where T : unmanaged, IBinaryInteger<T> => Shift<Shifts.ShiftLeft, T>(state, value, count);

    public static T ShiftRight<T>(CpuState* state, T value, int count)
        where T : unmanaged, IBinaryInteger<T> => Shift<Shifts.ShiftRight, T>(state, value, count);

    public static T ShiftArithmetic<T>(CpuState* state, T value, int count)
        where T : unmanaged, IBinaryInteger<T> => Shift<Shifts.ShiftArithmetic, T>(state, value, count);

    public static T RotateLeft<T>(CpuState* state, T value, int count)
        where T : unmanaged, IBinaryInteger<T> => Shift<Shifts.RotateLeft, T>(state, value, count);

    public static T RotateRight<T>(CpuState* state, T value, int count)
        where T : unmanaged, IBinaryInteger<T> => Shift<Shifts.RotateRight, T>(state, value, count);

    /// <summary>PF.</summary>
    public static bool Parity(CpuState* state) => state->Parity;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T Shift<TOperation, T>(CpuState* state, T value, int count)
        where TOperation : struct, Shifts.IOperation
        where T : unmanaged
    {
        count = Shifts.Mask<T>(count);
        return count == 0 ? value : TOperation.Apply(state, value, count);
    }
}
