using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>
/// What translations do with numbers themselves: operations that raise nothing, or nothing but what MXCSR tells already. True: that was
/// so, and the result counts; false: the interpreter's handler must do it.
/// </summary>
internal static unsafe class TranslatedFloat
{
    private const double Limit32 = 2147483648, Limit64 = 9223372036854775808;
    private const ulong ExactDouble = 1UL << 53, ExactSingle = 1UL << 24;

    /// <summary>The lowest binary64; the upper half is the first operand's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryScalarDouble<T>(CpuState* state, V a, V b, out V result)
        where T : struct, IArithmetic
    {
        double y = b.AsDouble().ToScalar();
        double x = typeof(T) == typeof(Arithmetic.SquareRoot) ? y : a.AsDouble().ToScalar();
        double value = T.Host(x, y);
        result = a.AsDouble().WithElement(0, value).AsByte();
        return IsPlain(state) && FloatLanes.IsOrdinary<T>(x, y, value);
    }

    /// <summary>The lowest binary32; the rest is the first operand's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryScalarSingle<T>(CpuState* state, V a, V b, out V result)
        where T : struct, IArithmetic
    {
        float y = b.AsSingle().ToScalar();
        float x = typeof(T) == typeof(Arithmetic.SquareRoot) ? y : a.AsSingle().ToScalar();
        float value = T.Host(x, y);
        result = a.AsSingle().WithElement(0, value).AsByte();
        return IsPlain(state) && FloatLanes.IsOrdinary<T>(x, y, value);
    }

    /// <summary>Two binary64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryPackedDouble<T>(CpuState* state, V a, V b, out V result)
        where T : struct, IArithmetic => FloatLanes.TryPackedDouble<T>(typeof(T) == typeof(Arithmetic.SquareRoot) ? b : a, b, out result) && IsPlain(state);

    /// <summary>Four binary32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryPackedSingle<T>(CpuState* state, V a, V b, out V result)
        where T : struct, IArithmetic => FloatLanes.TryPackedSingle<T>(typeof(T) == typeof(Arithmetic.SquareRoot) ? b : a, b, out result) && IsPlain(state);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryMinimumDouble(CpuState* state, V a, V b, out V result)
    {
        double x = a.AsDouble().ToScalar(), y = b.AsDouble().ToScalar();
        result = a.AsDouble().WithElement(0, x < y ? x : y).AsByte();
        return IsNumber(x) && IsNumber(y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryMaximumDouble(CpuState* state, V a, V b, out V result)
    {
        double x = a.AsDouble().ToScalar(), y = b.AsDouble().ToScalar();
        result = a.AsDouble().WithElement(0, x > y ? x : y).AsByte();
        return IsNumber(x) && IsNumber(y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryMinimumSingle(CpuState* state, V a, V b, out V result)
    {
        float x = a.AsSingle().ToScalar(), y = b.AsSingle().ToScalar();
        result = a.AsSingle().WithElement(0, x < y ? x : y).AsByte();
        return IsNumber(x) && IsNumber(y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryMaximumSingle(CpuState* state, V a, V b, out V result)
    {
        float x = a.AsSingle().ToScalar(), y = b.AsSingle().ToScalar();
        result = a.AsSingle().WithElement(0, x > y ? x : y).AsByte();
        return IsNumber(x) && IsNumber(y);
    }

    /// <summary>binary32 to binary64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryToDouble(CpuState* state, V a, V b, out V result)
    {
        float value = b.AsSingle().ToScalar();
        result = a.AsDouble().WithElement(0, value).AsByte();
        return IsNumber(value);
    }

    /// <summary>binary64 to binary32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryToSingle(CpuState* state, V a, V b, out V result)
    {
        double value = b.AsDouble().ToScalar();
        float rounded = (float)value;
        result = a.AsSingle().WithElement(0, rounded).AsByte();
        return IsPlain(state) && (FloatLanes.IsOrdinary(rounded) || value == 0);
    }

    /// <summary>The operands of a comparison, if neither is a NaN or denormal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryCompareDouble(V a, V b, out double left, out double right)
    {
        left = a.AsDouble().ToScalar();
        right = b.AsDouble().ToScalar();
        return IsNumber(left) && IsNumber(right);
    }

    /// <summary>The operands of a comparison, if neither is a NaN or denormal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryCompareSingle(V a, V b, out double left, out double right)
    {
        float x = a.AsSingle().ToScalar(), y = b.AsSingle().ToScalar();
        left = x;
        right = y;
        return IsNumber(x) && IsNumber(y);
    }

    /// <summary>Two numbers that compare as RFLAGS tells: the first one, the second one being zero.</summary>
    public static double Compared(CpuState* state) =>
        !state->Carry ? (state->Zero ? 0 : 1) : state->Zero ? double.NaN : -1;

    /// <summary>The flags of a comparison.</summary>
    public static void SetFlags(CpuState* state, double left, double right) =>
        ScalarConversionHandlers.SetFlags(state, left < right ? 0x01u : left > right ? 0 : left == right ? 0x40u : 0x45);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryIntegerToDouble(V a, long value, out V result)
    {
        result = a.AsDouble().WithElement(0, value).AsByte();
        return (ulong)value + ExactDouble < 2 * ExactDouble;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryIntegerToSingle(V a, long value, out V result)
    {
        result = a.AsSingle().WithElement(0, value).AsByte();
        return (ulong)value + ExactSingle < 2 * ExactSingle;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryDoubleToInt32(CpuState* state, V a, out long result)
    {
        result = (uint)Truncate(state, a.AsDouble().ToScalar(), Limit32, out bool done);
        return done;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryDoubleToInt64(CpuState* state, V a, out long result)
    {
        result = Truncate(state, a.AsDouble().ToScalar(), Limit64, out bool done);
        return done;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TrySingleToInt32(CpuState* state, V a, out long result)
    {
        result = (uint)Truncate(state, a.AsSingle().ToScalar(), Limit32, out bool done);
        return done;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TrySingleToInt64(CpuState* state, V a, out long result)
    {
        result = Truncate(state, a.AsSingle().ToScalar(), Limit64, out bool done);
        return done;
    }

    /// <summary>4 bytes with zeros above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Widen4(uint value) => Vector128.CreateScalar(value).AsByte();

    /// <summary>8 bytes with zeros above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Widen8(ulong value) => Vector128.CreateScalar(value).AsByte();

    /// <summary>The lowest 4 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Lowest4(V value) => value.AsUInt32().ToScalar();

    /// <summary>The lowest 8 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Lowest8(V value) => value.AsUInt64().ToScalar();

    /// <summary>The top bit of each byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long SignBits(V value) => value.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Truncate(CpuState* state, double value, double limit, out bool done)
    {
        long result = double.ConvertToIntegerNative<long>(value);
        done = Math.Abs(value) < limit && (result == value || IsPlain(state));
        return result;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsPlain(CpuState* state) => new FloatContext(state->Mxcsr).IsPlain;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsNumber(double value)
    {
        ulong bits = BitConverter.DoubleToUInt64Bits(value);
        return !FloatLanes.IsDenormal(bits) && !FloatLanes.IsNaN(bits);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsNumber(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return !FloatLanes.IsDenormal(bits) && !FloatLanes.IsNaN(bits);
    }
}
