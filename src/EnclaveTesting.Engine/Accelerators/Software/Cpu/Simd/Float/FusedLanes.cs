using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>
/// ±(a × b) ± c with one rounding: by the host when rounding is to nearest, inexact results are nothing new and all is ordinary (every host's
/// fused multiply-add then gives the same bits), else in software.
/// </summary>
internal static class FusedLanes
{
    // Where results are this large, no operation underflows.
    private const uint LeastExponent = 32;

    /// <summary>One binary32.</summary>
    public static uint Single(uint a, uint b, uint c, bool negateProduct, bool negateAddend, ref FloatContext context)
    {
        if (context.IsPlain && !FloatLanes.IsDenormal(a) && !FloatLanes.IsDenormal(b) && !FloatLanes.IsDenormal(c))
        {
            uint bits = BitConverter.SingleToUInt32Bits(MathF.FusedMultiplyAdd(
                BitConverter.UInt32BitsToSingle(negateProduct ? a ^ (1U << 31) : a),
                BitConverter.UInt32BitsToSingle(b),
                BitConverter.UInt32BitsToSingle(negateAddend ? c ^ (1U << 31) : c)));
            if (((bits >> 23) & 0xFF) - LeastExponent < 0xFF - LeastExponent)
                return bits;
        }

        FloatParts x = FloatFormats.Unpack(a, in context);
        FloatParts y = FloatFormats.Unpack(b, in context);
        FloatParts z = FloatFormats.Unpack(c, in context);
        FloatParts result = SoftFloat.MultiplyAdd(in x, in y, in z, negateProduct, negateAddend, ref context);
        return FloatFormats.PackSingle(FloatRounding.Round(result, in FloatFormat.Single, ref context));
    }

    /// <summary>One binary64.</summary>
    public static ulong Double(ulong a, ulong b, ulong c, bool negateProduct, bool negateAddend, ref FloatContext context)
    {
        if (context.IsPlain && !FloatLanes.IsDenormal(a) && !FloatLanes.IsDenormal(b) && !FloatLanes.IsDenormal(c))
        {
            ulong bits = BitConverter.DoubleToUInt64Bits(Math.FusedMultiplyAdd(
                BitConverter.UInt64BitsToDouble(negateProduct ? a ^ (1UL << 63) : a),
                BitConverter.UInt64BitsToDouble(b),
                BitConverter.UInt64BitsToDouble(negateAddend ? c ^ (1UL << 63) : c)));
            if (((uint)(bits >> 52) & 0x7FF) - LeastExponent < 0x7FF - LeastExponent)
                return bits;
        }

        FloatParts x = FloatFormats.Unpack(a, in context);
        FloatParts y = FloatFormats.Unpack(b, in context);
        FloatParts z = FloatFormats.Unpack(c, in context);
        FloatParts result = SoftFloat.MultiplyAdd(in x, in y, in z, negateProduct, negateAddend, ref context);
        return FloatFormats.PackDouble(FloatRounding.Round(result, in FloatFormat.Double, ref context));
    }

    /// <summary>Four binary32.</summary>
    public static Vector128<byte> PackedSingle<T>(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c, ref FloatContext context)
        where T : struct, IFusedSigns
    {
        Vector128<uint> x = a.AsUInt32();
        Vector128<uint> y = b.AsUInt32();
        Vector128<uint> z = c.AsUInt32();
        if (context.IsPlain)
        {
            const uint sign = 1U << 31;
            uint even = T.NegatesEven ? sign : 0, odd = T.NegatesOdd ? sign : 0;
            Vector128<uint> result = Vector128.FusedMultiplyAdd(
                (x ^ Vector128.Create(T.NegatesProduct ? sign : 0)).AsSingle(),
                y.AsSingle(),
                (z ^ Vector128.Create(even, odd, even, odd)).AsSingle()).AsUInt32();
            Vector128<uint> ordinary = Vector128.LessThan(((result << 1) >> 24) - Vector128.Create(LeastExponent), Vector128.Create(0xFF - LeastExponent));
            if (Vector128.AndNot(ordinary, Denormals(x) | Denormals(y) | Denormals(z)) == Vector128<uint>.AllBitsSet)
                return result.AsByte();
        }

        return SlowSingles<T>(x, y, z, ref context);
    }

    /// <summary>Two binary64.</summary>
    public static Vector128<byte> PackedDouble<T>(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c, ref FloatContext context)
        where T : struct, IFusedSigns
    {
        Vector128<ulong> x = a.AsUInt64();
        Vector128<ulong> y = b.AsUInt64();
        Vector128<ulong> z = c.AsUInt64();
        if (context.IsPlain)
        {
            const ulong sign = 1UL << 63;
            Vector128<ulong> result = Vector128.FusedMultiplyAdd(
                (x ^ Vector128.Create(T.NegatesProduct ? sign : 0)).AsDouble(),
                y.AsDouble(),
                (z ^ Vector128.Create(T.NegatesEven ? sign : 0, T.NegatesOdd ? sign : 0)).AsDouble()).AsUInt64();
            Vector128<ulong> ordinary = Vector128.LessThan(
                ((result << 1) >> 53) - Vector128.Create((ulong)LeastExponent), Vector128.Create((ulong)(0x7FF - LeastExponent)));
            if (Vector128.AndNot(ordinary, Denormals(x) | Denormals(y) | Denormals(z)) == Vector128<ulong>.AllBitsSet)
                return result.AsByte();
        }

        return Vector128.Create(
            Double(x[0], y[0], z[0], T.NegatesProduct, T.NegatesEven, ref context),
            Double(x[1], y[1], z[1], T.NegatesProduct, T.NegatesOdd, ref context)).AsByte();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static Vector128<byte> SlowSingles<T>(Vector128<uint> x, Vector128<uint> y, Vector128<uint> z, ref FloatContext context)
        where T : struct, IFusedSigns => Vector128.Create(
            Single(x[0], y[0], z[0], T.NegatesProduct, T.NegatesEven, ref context),
            Single(x[1], y[1], z[1], T.NegatesProduct, T.NegatesOdd, ref context),
            Single(x[2], y[2], z[2], T.NegatesProduct, T.NegatesEven, ref context),
            Single(x[3], y[3], z[3], T.NegatesProduct, T.NegatesOdd, ref context)).AsByte();

    private static Vector128<uint> Denormals(Vector128<uint> value)
        => Vector128.LessThan((value << 1) - Vector128<uint>.One, Vector128.Create((1U << 24) - 1));

    private static Vector128<ulong> Denormals(Vector128<ulong> value)
        => Vector128.LessThan((value << 1) - Vector128<ulong>.One, Vector128.Create((1UL << 53) - 1));
}
