namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Conversions between the floating-point formats and integers, with the exceptions of SSE and the FPU.</summary>
internal static class FloatConvert
{
    /// <summary>binary32 to binary64; always exact.</summary>
    public static ulong ToDouble(uint bits, ref FloatContext context)
    {
        if (!FloatLanes.IsNaN(bits) && !FloatLanes.IsDenormal(bits))
            return BitConverter.DoubleToUInt64Bits(BitConverter.UInt32BitsToSingle(bits));
        FloatParts value = FloatFormats.Unpack(bits, in context);
        return FloatFormats.PackDouble(Change(value, in FloatFormat.Double, ref context));
    }

    /// <summary>binary64 to binary32, rounded.</summary>
    public static uint ToSingle(ulong bits, ref FloatContext context)
    {
        if (context.IsNearest)
        {
            double value = BitConverter.UInt64BitsToDouble(bits);
            float result = (float)value;
            if (Math.Abs(result) is > 1.2e-38f and < float.PositiveInfinity)
            {
                if (result != value)
                    context.Raise(FloatContext.Inexact);
                return BitConverter.SingleToUInt32Bits(result);
            }

            if (value == 0)
                return BitConverter.SingleToUInt32Bits(result);
        }

        FloatParts parts = FloatFormats.Unpack(bits, in context);
        return FloatFormats.PackSingle(Change(parts, in FloatFormat.Single, ref context));
    }

    /// <summary>binary16 to binary32; always exact.</summary>
    public static uint HalfToSingle(ushort bits, ref FloatContext context)
        => FloatFormats.PackSingle(Change(FloatFormats.UnpackHalf(bits), in FloatFormat.Single, ref context));

    /// <summary>binary32 to binary16, rounded by a mode of its own; results are never flushed to zero (SDM vol. 2, VCVTPS2PH).</summary>
    public static ushort SingleToHalf(uint bits, RoundingMode mode, ref FloatContext context)
    {
        const uint others = ~(FloatContext.RoundingBits | FloatContext.FlushToZero);
        var own = new FloatContext((context.Control & others) | ((uint)mode << FloatContext.RoundingShift));
        FloatParts parts = FloatFormats.Unpack(bits, in own);
        ushort result = FloatFormats.PackHalf(Change(parts, in FloatFormat.Half, ref own));
        context.Raised |= own.Raised;
        return result;
    }

    /// <summary>A number of one format rounded to another: denormal operands and signaling NaNs raise their exceptions.</summary>
    public static FloatParts Change(in FloatParts value, in FloatFormat format, ref FloatContext context)
    {
        if (value.IsNaN)
            return FloatNaN.Choose(in value, in value, ref context);
        if (value.Denormal)
            context.Raise(FloatContext.Denormal);
        return FloatRounding.Round(value, in format, ref context);
    }

    /// <summary>An integer as a binary64, rounded.</summary>
    public static ulong ToDouble(long value, ref FloatContext context)
    {
        double result = value;
        if (context.IsNearest || (value < 1L << 53 && value > -(1L << 53)))
        {
            if (result == 9223372036854775808d || (long)result != value)
                context.Raise(FloatContext.Inexact);
            return BitConverter.DoubleToUInt64Bits(result);
        }

        return FloatFormats.PackDouble(FloatRounding.Round(FloatParts.FromInteger(value), in FloatFormat.Double, ref context));
    }

    /// <summary>An integer as a binary32, rounded.</summary>
    public static uint ToSingle(long value, ref FloatContext context)
    {
        float result = value;
        if (context.IsNearest || (value < 1L << 24 && value > -(1L << 24)))
        {
            if (result == 9223372036854775808f || (long)result != value)
                context.Raise(FloatContext.Inexact);
            return BitConverter.SingleToUInt32Bits(result);
        }

        return FloatFormats.PackSingle(FloatRounding.Round(FloatParts.FromInteger(value), in FloatFormat.Single, ref context));
    }

    /// <summary>A binary64 as an integer of 32 or 64 bits; out of range gives the smallest one ("integer indefinite").</summary>
    public static long ToInteger(ulong bits, RoundingMode mode, int size, ref FloatContext context)
    {
        double value = BitConverter.UInt64BitsToDouble(bits);
        double magnitude = Math.Abs(value);
        if (magnitude < 2147483648d && magnitude >= 0.5)
        {
            if (mode == RoundingMode.Zero || (mode == RoundingMode.Nearest && magnitude < 1073741824d))
            {
                int result = (int)(mode == RoundingMode.Zero ? value : Math.Round(value));
                if (result != value)
                    context.Raise(FloatContext.Inexact);
                return result;
            }
        }

        return ToInteger(FloatFormats.Unpack(bits, in context), mode, size * 8, ref context);
    }

    /// <summary>A binary32 as an integer of 32 or 64 bits; out of range gives the smallest one.</summary>
    public static long ToInteger(uint bits, RoundingMode mode, int size, ref FloatContext context)
    {
        float value = BitConverter.UInt32BitsToSingle(bits);
        float magnitude = Math.Abs(value);
        if (magnitude < 1073741824f && magnitude >= 0.5f && mode is RoundingMode.Zero or RoundingMode.Nearest)
        {
            int result = (int)(mode == RoundingMode.Zero ? value : MathF.Round(value));
            if (result != (double)value)
                context.Raise(FloatContext.Inexact);
            return result;
        }

        return ToInteger(FloatFormats.Unpack(bits, in context), mode, size * 8, ref context);
    }

    /// <summary>A number as a signed integer of so many bits; what does not fit raises the invalid exception and gives the smallest one.</summary>
    public static long ToInteger(in FloatParts value, RoundingMode mode, int width, ref FloatContext context)
    {
        long indefinite = long.MinValue >> (64 - width);
        if (value.Class == FloatClass.Zero)
            return 0;
        if (value.Class != FloatClass.Finite || value.Exponent > 63)
        {
            context.Raise(FloatContext.Invalid);
            return indefinite;
        }

        ulong high = value.High;
        ulong low = 0;
        FloatRounding.ShiftRightSticky(ref high, ref low, 63 - value.Exponent);
        bool inexact = FloatRounding.RoundSignificand(ref high, low, 64, value.Sign, mode, out bool up);
        ulong limit = 1UL << (width - 1);
        if ((up && high == 0) || high > limit || (high == limit && !value.Sign))
        {
            context.Raise(FloatContext.Invalid);
            return indefinite;
        }

        if (inexact)
            context.Raise(FloatContext.Inexact);
        context.RoundedUp = up;
        return value.Sign ? -(long)high : (long)high;
    }

    /// <summary>Rounds to an integral value. Raises inexact and, for a signaling NaN, invalid.</summary>
    public static FloatParts ToIntegral(in FloatParts value, RoundingMode mode, ref FloatContext context)
    {
        if (value.IsNaN)
            return FloatNaN.Choose(in value, in value, ref context);
        if (value.Class != FloatClass.Finite || value.Exponent >= 63)
            return value;
        ulong high = value.High;
        ulong low = 0;
        FloatRounding.ShiftRightSticky(ref high, ref low, 63 - value.Exponent);
        if (FloatRounding.RoundSignificand(ref high, low, 64, value.Sign, mode, out bool up))
            context.Raise(FloatContext.Inexact);
        context.RoundedUp = up;
        return FloatParts.Finite(value.Sign, 63, high, 0);
    }
}
