using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Packed and scalar floating-point arithmetic.</summary>
internal static class FloatArithmetic
{
    public readonly struct PackedSingle<T> : IFloatOp
        where T : struct, IArithmetic
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => FloatLanes.PackedSingle<T>(a, b, ref context);
    }

    public readonly struct PackedDouble<T> : IFloatOp
        where T : struct, IArithmetic
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => FloatLanes.PackedDouble<T>(a, b, ref context);
    }

    public readonly struct ScalarSingle<T> : IFloatOp
        where T : struct, IArithmetic
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt32().WithElement(0, FloatLanes.Single<T>(a.AsUInt32()[0], b.AsUInt32()[0], ref context)).AsByte();
    }

    public readonly struct ScalarDouble<T> : IFloatOp
        where T : struct, IArithmetic
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt64().WithElement(0, FloatLanes.Double<T>(a.AsUInt64()[0], b.AsUInt64()[0], ref context)).AsByte();
    }

    public readonly struct Sqrtps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => FloatLanes.PackedSingle<Arithmetic.SquareRoot>(b, b, ref context);
    }

    public readonly struct Sqrtpd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => FloatLanes.PackedDouble<Arithmetic.SquareRoot>(b, b, ref context);
    }

    public readonly struct Sqrtss : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt32().WithElement(0, FloatLanes.Single<Arithmetic.SquareRoot>(b.AsUInt32()[0], b.AsUInt32()[0], ref context)).AsByte();
    }

    public readonly struct Sqrtsd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt64().WithElement(0, FloatLanes.Double<Arithmetic.SquareRoot>(b.AsUInt64()[0], b.AsUInt64()[0], ref context)).AsByte();
    }

    public readonly struct Minss : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt32().WithElement(0, FloatCompare.Minimum(a.AsUInt32()[0], b.AsUInt32()[0], ref context)).AsByte();
    }

    public readonly struct Minsd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt64().WithElement(0, FloatCompare.Minimum(a.AsUInt64()[0], b.AsUInt64()[0], ref context)).AsByte();
    }

    public readonly struct Minps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<uint> x = a.AsUInt32();
            Vector128<uint> y = b.AsUInt32();
            return Vector128.Create(
                FloatCompare.Minimum(x[0], y[0], ref context),
                FloatCompare.Minimum(x[1], y[1], ref context),
                FloatCompare.Minimum(x[2], y[2], ref context),
                FloatCompare.Minimum(x[3], y[3], ref context)).AsByte();
        }
    }

    public readonly struct Minpd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<ulong> x = a.AsUInt64();
            Vector128<ulong> y = b.AsUInt64();
            return Vector128.Create(FloatCompare.Minimum(x[0], y[0], ref context), FloatCompare.Minimum(x[1], y[1], ref context)).AsByte();
        }
    }

    public readonly struct Maxss : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt32().WithElement(0, FloatCompare.Maximum(a.AsUInt32()[0], b.AsUInt32()[0], ref context)).AsByte();
    }

    public readonly struct Maxsd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt64().WithElement(0, FloatCompare.Maximum(a.AsUInt64()[0], b.AsUInt64()[0], ref context)).AsByte();
    }

    public readonly struct Maxps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<uint> x = a.AsUInt32();
            Vector128<uint> y = b.AsUInt32();
            return Vector128.Create(
                FloatCompare.Maximum(x[0], y[0], ref context),
                FloatCompare.Maximum(x[1], y[1], ref context),
                FloatCompare.Maximum(x[2], y[2], ref context),
                FloatCompare.Maximum(x[3], y[3], ref context)).AsByte();
        }
    }

    public readonly struct Maxpd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<ulong> x = a.AsUInt64();
            Vector128<ulong> y = b.AsUInt64();
            return Vector128.Create(FloatCompare.Maximum(x[0], y[0], ref context), FloatCompare.Maximum(x[1], y[1], ref context)).AsByte();
        }
    }

    public readonly struct Addsubps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<uint> x = a.AsUInt32();
            Vector128<uint> y = b.AsUInt32();
            return Vector128.Create(
                FloatLanes.Single<Arithmetic.Subtract>(x[0], y[0], ref context),
                FloatLanes.Single<Arithmetic.Add>(x[1], y[1], ref context),
                FloatLanes.Single<Arithmetic.Subtract>(x[2], y[2], ref context),
                FloatLanes.Single<Arithmetic.Add>(x[3], y[3], ref context)).AsByte();
        }
    }

    public readonly struct Addsubpd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<ulong> x = a.AsUInt64();
            Vector128<ulong> y = b.AsUInt64();
            return Vector128.Create(
                FloatLanes.Double<Arithmetic.Subtract>(x[0], y[0], ref context),
                FloatLanes.Double<Arithmetic.Add>(x[1], y[1], ref context)).AsByte();
        }
    }

    public readonly struct HorizontalSingle<T> : IFloatOp
        where T : struct, IArithmetic
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<uint> x = a.AsUInt32();
            Vector128<uint> y = b.AsUInt32();
            return FloatLanes.PackedSingle<T>(
                Vector128.Create(x[0], x[2], y[0], y[2]).AsByte(), Vector128.Create(x[1], x[3], y[1], y[3]).AsByte(), ref context);
        }
    }

    public readonly struct HorizontalDouble<T> : IFloatOp
        where T : struct, IArithmetic
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => FloatLanes.PackedDouble<T>(Shuffles.Punpcklqdq.Apply(a, b, 0), Shuffles.Punpckhqdq.Apply(a, b, 0), ref context);
    }

    public readonly struct Dpps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<uint> x = a.AsUInt32();
            Vector128<uint> y = b.AsUInt32();
            Vector128<uint> products = default;
            for (int i = 0; i < 4; i++)
            {
                if ((imm & (0x10 << i)) != 0)
                    products = products.WithElement(i, FloatLanes.Single<Arithmetic.Multiply>(x[i], y[i], ref context));
            }

            uint low = FloatLanes.Single<Arithmetic.Add>(products[0], products[1], ref context);
            uint high = FloatLanes.Single<Arithmetic.Add>(products[2], products[3], ref context);
            uint sum = FloatLanes.Single<Arithmetic.Add>(low, high, ref context);
            return (Vector128.Create(sum) & Shuffles.Masks(imm & 0xF)).AsByte();
        }
    }

    public readonly struct Dppd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<ulong> x = a.AsUInt64();
            Vector128<ulong> y = b.AsUInt64();
            ulong low = (imm & 0x10) != 0 ? FloatLanes.Double<Arithmetic.Multiply>(x[0], y[0], ref context) : 0;
            ulong high = (imm & 0x20) != 0 ? FloatLanes.Double<Arithmetic.Multiply>(x[1], y[1], ref context) : 0;
            ulong sum = FloatLanes.Double<Arithmetic.Add>(low, high, ref context);
            return Vector128.Create((imm & 1) != 0 ? sum : 0, (imm & 2) != 0 ? sum : 0).AsByte();
        }
    }
}
