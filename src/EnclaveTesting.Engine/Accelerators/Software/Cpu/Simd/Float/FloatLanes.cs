using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>
/// Applies an <see cref="IArithmetic"/> to scalars and vectors: by the host when the rounding is to nearest and operands and results are
/// ordinary (so that no exception but the inexact one is possible), else in software.
/// </summary>
internal static class FloatLanes
{
    // Below these the error of a result might itself underflow, and the exactness tests would not hold.
    private const uint LeastExponent64 = 128;
    private const uint LeastExponent32 = 32;

    /// <summary>One binary64 operation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Double<T>(ulong a, ulong b, ref FloatContext context)
        where T : struct, IArithmetic
    {
        if (context.IsNearest && !IsDenormal(a) && !IsDenormal(b))
        {
            double x = BitConverter.UInt64BitsToDouble(a);
            double y = BitConverter.UInt64BitsToDouble(b);
            double result = T.Host(x, y);
            ulong bits = BitConverter.DoubleToUInt64Bits(result);
            if (IsOrdinary(result))
            {
                if ((context.Control & FloatContext.Inexact) == 0 && !IsExactDouble<T>(a, x, y, result))
                    return SoftDouble<T>(a, b, ref context);
                return bits;
            }

            if (bits << 1 == 0 && T.IsExactZero(x, y))
                return bits;
        }

        return SoftDouble<T>(a, b, ref context);
    }

    /// <summary>One binary32 operation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Single<T>(uint a, uint b, ref FloatContext context)
        where T : struct, IArithmetic
    {
        if (context.IsNearest && !IsDenormal(a) && !IsDenormal(b))
        {
            float x = BitConverter.UInt32BitsToSingle(a);
            float y = BitConverter.UInt32BitsToSingle(b);
            float result = T.Host(x, y);
            uint bits = BitConverter.SingleToUInt32Bits(result);
            if (IsOrdinary(result))
            {
                if ((context.Control & FloatContext.Inexact) == 0 && !T.IsExact(x, y, result))
                    return SoftSingle<T>(a, b, ref context);
                return bits;
            }

            if (bits << 1 == 0 && T.IsExactZero(x, y))
                return bits;
        }

        return SoftSingle<T>(a, b, ref context);
    }

    /// <summary>Two binary64 operations.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> PackedDouble<T>(Vector128<byte> a, Vector128<byte> b, ref FloatContext context)
        where T : struct, IArithmetic
    {
        if (context.IsPlain && TryPackedDouble<T>(a, b, out Vector128<byte> result))
            return result;
        return Vector128.Create(
            Double<T>(a.AsUInt64()[0], b.AsUInt64()[0], ref context),
            Double<T>(a.AsUInt64()[1], b.AsUInt64()[1], ref context)).AsByte();
    }

    /// <summary>Four binary32 operations.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> PackedSingle<T>(Vector128<byte> a, Vector128<byte> b, ref FloatContext context)
        where T : struct, IArithmetic
    {
        if (context.IsPlain && TryPackedSingle<T>(a, b, out Vector128<byte> result))
            return result;
        return SlowSingles<T>(a, b, ref context);
    }

    /// <summary>Two binary64 operations whose operands and results are ordinary: nothing is raised but, perhaps, inexact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryPackedDouble<T>(Vector128<byte> a, Vector128<byte> b, out Vector128<byte> result)
        where T : struct, IArithmetic
    {
        Vector128<ulong> bits = T.Host(a.AsDouble(), b.AsDouble()).AsUInt64();
        Vector128<ulong> one = Vector128<ulong>.One;
        Vector128<ulong> denormal = Vector128.LessThan((a.AsUInt64() << 1) - one, Vector128.Create((1UL << 53) - 1))
            | Vector128.LessThan((b.AsUInt64() << 1) - one, Vector128.Create((1UL << 53) - 1));
        Vector128<ulong> ordinary = Vector128.LessThan(
            ((bits << 1) >> 53) - Vector128.Create((ulong)LeastExponent64), Vector128.Create((ulong)(0x7FF - LeastExponent64)));
        Vector128<ulong> zero = Vector128.Equals((bits | a.AsUInt64()) << 1, Vector128<ulong>.Zero);
        result = bits.AsByte();
        return Vector128.AndNot(ordinary | zero, denormal) == Vector128<ulong>.AllBitsSet;
    }

    /// <summary>Four binary32 operations whose operands and results are ordinary.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryPackedSingle<T>(Vector128<byte> a, Vector128<byte> b, out Vector128<byte> result)
        where T : struct, IArithmetic
    {
        Vector128<uint> bits = T.Host(a.AsSingle(), b.AsSingle()).AsUInt32();
        Vector128<uint> one = Vector128<uint>.One;
        Vector128<uint> denormal = Vector128.LessThan((a.AsUInt32() << 1) - one, Vector128.Create((1U << 24) - 1))
            | Vector128.LessThan((b.AsUInt32() << 1) - one, Vector128.Create((1U << 24) - 1));
        Vector128<uint> ordinary = Vector128.LessThan(
            ((bits << 1) >> 24) - Vector128.Create(LeastExponent32), Vector128.Create(0xFF - LeastExponent32));
        Vector128<uint> zero = Vector128.Equals((bits | a.AsUInt32()) << 1, Vector128<uint>.Zero);
        result = bits.AsByte();
        return Vector128.AndNot(ordinary | zero, denormal) == Vector128<uint>.AllBitsSet;
    }

    /// <summary>Whether an operation can have raised nothing but, perhaps, inexact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOrdinary<T>(double a, double b, double result)
        where T : struct, IArithmetic => !IsDenormal(BitConverter.DoubleToUInt64Bits(a)) && !IsDenormal(BitConverter.DoubleToUInt64Bits(b))
            && (IsOrdinary(result) || (result == 0 && T.IsExactZero(a, b)));

    /// <summary>Whether an operation can have raised nothing but, perhaps, inexact.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOrdinary<T>(float a, float b, float result)
        where T : struct, IArithmetic => !IsDenormal(BitConverter.SingleToUInt32Bits(a)) && !IsDenormal(BitConverter.SingleToUInt32Bits(b))
            && (IsOrdinary(result) || (result == 0 && T.IsExactZero(a, b)));

    /// <summary>Far from underflow, and a finite number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOrdinary(double value) => ((uint)(BitConverter.DoubleToUInt64Bits(value) >> 52) & 0x7FF) - LeastExponent64 < 0x7FF - LeastExponent64;

    /// <summary>Far from underflow, and a finite number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsOrdinary(float value) => ((BitConverter.SingleToUInt32Bits(value) >> 23) & 0xFF) - LeastExponent32 < 0xFF - LeastExponent32;

    /// <summary>A denormal binary64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsDenormal(ulong bits) => (bits << 1) - 1 < (1UL << 53) - 1;

    /// <summary>A denormal binary32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsDenormal(uint bits) => (bits << 1) - 1 < (1U << 24) - 1;

    /// <summary>A binary64 NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsNaN(ulong bits) => bits << 1 > 0xFFE0_0000_0000_0000;

    /// <summary>A binary32 NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsNaN(uint bits) => bits << 1 > 0xFF00_0000;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector128<byte> SlowSingles<T>(Vector128<byte> a, Vector128<byte> b, ref FloatContext context)
        where T : struct, IArithmetic => Vector128.Create(
            Single<T>(a.AsUInt32()[0], b.AsUInt32()[0], ref context),
            Single<T>(a.AsUInt32()[1], b.AsUInt32()[1], ref context),
            Single<T>(a.AsUInt32()[2], b.AsUInt32()[2], ref context),
            Single<T>(a.AsUInt32()[3], b.AsUInt32()[3], ref context)).AsByte();

    // A quotient's remainder is as far below the dividend as a product's error is below the product.
    private static bool IsExactDouble<T>(ulong a, double x, double y, double result)
        where T : struct, IArithmetic
        => ((uint)(a >> 52) & 0x7FF) - LeastExponent64 < 0x7FF - (2 * LeastExponent64) && T.IsExact(x, y, result);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong SoftDouble<T>(ulong a, ulong b, ref FloatContext context)
        where T : struct, IArithmetic
    {
        FloatParts x = FloatFormats.Unpack(a, in context);
        FloatParts y = FloatFormats.Unpack(b, in context);
        FloatParts result = T.Soft(in x, in y, ref context);
        return FloatFormats.PackDouble(FloatRounding.Round(result, in FloatFormat.Double, ref context));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint SoftSingle<T>(uint a, uint b, ref FloatContext context)
        where T : struct, IArithmetic
    {
        FloatParts x = FloatFormats.Unpack(a, in context);
        FloatParts y = FloatFormats.Unpack(b, in context);
        FloatParts result = T.Soft(in x, in y, ref context);
        return FloatFormats.PackSingle(FloatRounding.Round(result, in FloatFormat.Single, ref context));
    }
}
