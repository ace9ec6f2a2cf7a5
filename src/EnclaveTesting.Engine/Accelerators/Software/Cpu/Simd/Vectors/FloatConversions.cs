using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Conversions between vectors of integers and of floating-point numbers.</summary>
internal static class FloatConversions
{
    public readonly struct Cvtps2pd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => Vector128.Create(FloatConvert.ToDouble(b.AsUInt32()[0], ref context), FloatConvert.ToDouble(b.AsUInt32()[1], ref context)).AsByte();
    }

    public readonly struct Cvtpd2ps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => Vector128.Create(FloatConvert.ToSingle(b.AsUInt64()[0], ref context), FloatConvert.ToSingle(b.AsUInt64()[1], ref context), 0, 0).AsByte();
    }

    public readonly struct Cvtss2sd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt64().WithElement(0, FloatConvert.ToDouble(b.AsUInt32()[0], ref context)).AsByte();
    }

    public readonly struct Cvtsd2ss : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt32().WithElement(0, FloatConvert.ToSingle(b.AsUInt64()[0], ref context)).AsByte();
    }

    public readonly struct Cvtdq2pd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => Vector128.Create((double)b.AsInt32()[0], b.AsInt32()[1]).AsByte();
    }

    public readonly struct Cvtdq2ps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<int> y = b.AsInt32();
            return Vector128.Create(
                FloatConvert.ToSingle(y[0], ref context),
                FloatConvert.ToSingle(y[1], ref context),
                FloatConvert.ToSingle(y[2], ref context),
                FloatConvert.ToSingle(y[3], ref context)).AsByte();
        }
    }

    public readonly struct Cvtpi2ps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => Vector128.Create(FloatConvert.ToSingle(b.AsInt32()[0], ref context), FloatConvert.ToSingle(b.AsInt32()[1], ref context), a.AsUInt32()[2], a.AsUInt32()[3]).AsByte();
    }

    public readonly struct Cvtps2dq : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<uint> y = b.AsUInt32();
            return Vector128.Create(
                (int)FloatConvert.ToInteger(y[0], context.Rounding, 4, ref context),
                (int)FloatConvert.ToInteger(y[1], context.Rounding, 4, ref context),
                (int)FloatConvert.ToInteger(y[2], context.Rounding, 4, ref context),
                (int)FloatConvert.ToInteger(y[3], context.Rounding, 4, ref context)).AsByte();
        }
    }

    public readonly struct Cvtps2pi : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<uint> y = b.AsUInt32();
            return Vector128.Create(
                (int)FloatConvert.ToInteger(y[0], context.Rounding, 4, ref context),
                (int)FloatConvert.ToInteger(y[1], context.Rounding, 4, ref context),
                0,
                0).AsByte();
        }
    }

    public readonly struct Cvtpd2dq : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<ulong> y = b.AsUInt64();
            return Vector128.Create(
                (int)FloatConvert.ToInteger(y[0], context.Rounding, 4, ref context),
                (int)FloatConvert.ToInteger(y[1], context.Rounding, 4, ref context),
                0,
                0).AsByte();
        }
    }

    public readonly struct Cvttps2dq : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<uint> y = b.AsUInt32();
            return Vector128.Create(
                (int)FloatConvert.ToInteger(y[0], RoundingMode.Zero, 4, ref context),
                (int)FloatConvert.ToInteger(y[1], RoundingMode.Zero, 4, ref context),
                (int)FloatConvert.ToInteger(y[2], RoundingMode.Zero, 4, ref context),
                (int)FloatConvert.ToInteger(y[3], RoundingMode.Zero, 4, ref context)).AsByte();
        }
    }

    public readonly struct Cvttps2pi : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<uint> y = b.AsUInt32();
            return Vector128.Create(
                (int)FloatConvert.ToInteger(y[0], RoundingMode.Zero, 4, ref context),
                (int)FloatConvert.ToInteger(y[1], RoundingMode.Zero, 4, ref context),
                0,
                0).AsByte();
        }
    }

    public readonly struct Cvttpd2dq : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<ulong> y = b.AsUInt64();
            return Vector128.Create(
                (int)FloatConvert.ToInteger(y[0], RoundingMode.Zero, 4, ref context),
                (int)FloatConvert.ToInteger(y[1], RoundingMode.Zero, 4, ref context),
                0,
                0).AsByte();
        }
    }
}
