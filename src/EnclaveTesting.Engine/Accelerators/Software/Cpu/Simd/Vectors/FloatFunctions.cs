using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Comparisons into masks, rounding to integral values, reciprocals.</summary>
internal static class FloatFunctions
{
    public readonly struct Cmpps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<uint> x = a.AsUInt32();
            Vector128<uint> y = b.AsUInt32();
            return Vector128.Create(
                FloatCompare.Test(x[0], y[0], imm, ref context) ? uint.MaxValue : 0,
                FloatCompare.Test(x[1], y[1], imm, ref context) ? uint.MaxValue : 0,
                FloatCompare.Test(x[2], y[2], imm, ref context) ? uint.MaxValue : 0,
                FloatCompare.Test(x[3], y[3], imm, ref context) ? uint.MaxValue : 0).AsByte();
        }
    }

    public readonly struct Cmppd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<ulong> x = a.AsUInt64();
            Vector128<ulong> y = b.AsUInt64();
            return Vector128.Create(
                FloatCompare.Test(x[0], y[0], imm, ref context) ? ulong.MaxValue : 0,
                FloatCompare.Test(x[1], y[1], imm, ref context) ? ulong.MaxValue : 0).AsByte();
        }
    }

    public readonly struct Cmpss : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt32().WithElement(0, FloatCompare.Test(a.AsUInt32()[0], b.AsUInt32()[0], imm, ref context) ? uint.MaxValue : 0).AsByte();
    }

    public readonly struct Cmpsd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt64().WithElement(0, FloatCompare.Test(a.AsUInt64()[0], b.AsUInt64()[0], imm, ref context) ? ulong.MaxValue : 0).AsByte();
    }

    /// <summary>Without VEX only three bits of the predicate count.</summary>
    public readonly struct Legacy<T> : IFloatOp
        where T : struct, IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => T.Apply(a, b, imm & 7, ref context);
    }

    public readonly struct Roundps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context)
        {
            Vector128<uint> y = b.AsUInt32();
            return Vector128.Create(
                Round(y[0], imm, ref context), Round(y[1], imm, ref context), Round(y[2], imm, ref context), Round(y[3], imm, ref context)).AsByte();
        }
    }

    public readonly struct Roundpd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => Vector128.Create(Round(b.AsUInt64()[0], imm, ref context), Round(b.AsUInt64()[1], imm, ref context)).AsByte();
    }

    public readonly struct Roundss : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt32().WithElement(0, Round(b.AsUInt32()[0], imm, ref context)).AsByte();
    }

    public readonly struct Roundsd : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt64().WithElement(0, Round(b.AsUInt64()[0], imm, ref context)).AsByte();
    }

    public readonly struct Rcpps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => Vector128.Create(Reciprocal(b.AsUInt32()[0]), Reciprocal(b.AsUInt32()[1]), Reciprocal(b.AsUInt32()[2]), Reciprocal(b.AsUInt32()[3])).AsByte();
    }

    public readonly struct Rcpss : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt32().WithElement(0, Reciprocal(b.AsUInt32()[0])).AsByte();
    }

    public readonly struct Rsqrtps : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => Vector128.Create(ReciprocalRoot(b.AsUInt32()[0]), ReciprocalRoot(b.AsUInt32()[1]), ReciprocalRoot(b.AsUInt32()[2]), ReciprocalRoot(b.AsUInt32()[3])).AsByte();
    }

    public readonly struct Rsqrtss : IFloatOp
    {
        public static V Apply(V a, V b, int imm, ref FloatContext context) => a.AsUInt32().WithElement(0, ReciprocalRoot(b.AsUInt32()[0])).AsByte();
    }

    private static ulong Round(ulong bits, int imm, ref FloatContext context)
    {
        RoundingMode mode = (imm & 4) != 0 ? context.Rounding : (RoundingMode)(imm & 3);
        var own = new FloatContext(context.Control);
        ulong result;
        if (((uint)(bits >> 52) & 0x7FF) - 1 < 0x7FE)
        {
            double value = BitConverter.UInt64BitsToDouble(bits);
            double rounded = mode switch
            {
                RoundingMode.Nearest => Math.Round(value),
                RoundingMode.Down => Math.Floor(value),
                RoundingMode.Up => Math.Ceiling(value),
                _ => Math.Truncate(value),
            };
            if (rounded != value)
                own.Raise(FloatContext.Inexact);
            result = BitConverter.DoubleToUInt64Bits(rounded);
        }
        else
        {
            result = FloatFormats.PackDouble(FloatConvert.ToIntegral(FloatFormats.Unpack(bits, in context), mode, ref own));
        }

        context.Raised |= (imm & 8) != 0 ? own.Raised & ~FloatContext.Inexact : own.Raised;
        return result;
    }

    private static uint Round(uint bits, int imm, ref FloatContext context)
    {
        RoundingMode mode = (imm & 4) != 0 ? context.Rounding : (RoundingMode)(imm & 3);
        var own = new FloatContext(context.Control);
        uint result = FloatFormats.PackSingle(FloatConvert.ToIntegral(FloatFormats.Unpack(bits, in context), mode, ref own));
        context.Raised |= (imm & 8) != 0 ? own.Raised & ~FloatContext.Inexact : own.Raised;
        return result;
    }

    // The manuals ask for a relative error below 1.5 x 2^-12 and leave the bits to the processor; these are as exact as the format allows.
    private static uint Reciprocal(uint bits)
    {
        uint sign = bits & 0x8000_0000;
        if (FloatLanes.IsNaN(bits))
            return bits | 0x0040_0000;
        if ((bits & 0x7F80_0000) == 0)
            return sign | 0x7F80_0000;
        uint result = BitConverter.SingleToUInt32Bits((float)(1.0 / BitConverter.UInt32BitsToSingle(bits)));
        return (result & 0x7F80_0000) == 0 ? sign : result;
    }

    private static uint ReciprocalRoot(uint bits)
    {
        uint sign = bits & 0x8000_0000;
        if (FloatLanes.IsNaN(bits))
            return bits | 0x0040_0000;
        if ((bits & 0x7F80_0000) == 0)
            return sign | 0x7F80_0000;
        return sign != 0 ? 0xFFC0_0000 : BitConverter.SingleToUInt32Bits((float)(1.0 / Math.Sqrt(BitConverter.UInt32BitsToSingle(bits))));
    }
}
