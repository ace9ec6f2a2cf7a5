namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Rounds exact (or sticky) results to a format, with the exceptions of rounding. Tininess is detected after rounding, as x86 does.</summary>
internal static class FloatRounding
{
    /// <summary>Rounds to a format. What is not finite stays as it is.</summary>
    public static FloatParts Round(FloatParts value, in FloatFormat format, ref FloatContext context)
    {
        if (value.Class != FloatClass.Finite)
            return value;
        ulong high = value.High;
        int exponent = value.Exponent;
        bool inexact = RoundSignificand(ref high, value.Low, format.Precision, value.Sign, context.Rounding, out bool up);
        if (high == 0)
        {
            // The carry out of the top: the significand was all ones.
            high = FloatParts.Leading;
            exponent++;
        }

        if (exponent < format.MinExponent)
            return Underflow(in value, high, exponent, inexact, up, in format, ref context);
        if (exponent > format.MaxExponent)
            return Overflow(in value, high, exponent, inexact, up, in format, ref context);
        if (inexact)
            context.Raise(FloatContext.Inexact);
        context.RoundedUp = up;
        return new() { Class = FloatClass.Finite, Sign = value.Sign, Exponent = exponent, High = high };
    }

    /// <summary>
    /// Rounds the 128-bit significand to its upper bits. A carry out of the top leaves zero. Returns whether bits were lost.
    /// </summary>
    public static bool RoundSignificand(ref ulong high, ulong low, int precision, bool sign, RoundingMode mode, out bool up)
    {
        ulong rest = low;
        if (precision < 64)
        {
            rest = (high << precision) | (low >> (64 - precision));
            if ((low << precision) != 0)
                rest |= 1;
            high = high >> (64 - precision) << (64 - precision);
        }

        up = false;
        if (rest == 0)
            return false;
        ulong last = 1UL << (64 - precision);
        up = mode switch
        {
            RoundingMode.Nearest => rest > FloatParts.Leading || (rest == FloatParts.Leading && (high & last) != 0),
            RoundingMode.Down => sign,
            RoundingMode.Up => !sign,
            _ => false,
        };
        if (up)
            high += last;
        return true;
    }

    /// <summary>Shifts a 128-bit significand right; bits that fall out stay in the last one.</summary>
    public static void ShiftRightSticky(ref ulong high, ref ulong low, int count)
    {
        if (count <= 0)
            return;
        if (count < 64)
        {
            ulong lost = low << (64 - count);
            low = (low >> count) | (high << (64 - count)) | (lost != 0 ? 1UL : 0);
            high >>= count;
            return;
        }

        if (count < 128)
        {
            ulong lost = low | (count == 64 ? 0 : high << (128 - count));
            low = (high >> (count - 64)) | (lost != 0 ? 1UL : 0);
            high = 0;
            return;
        }

        low = (high | low) != 0 ? 1UL : 0;
        high = 0;
    }

    private static FloatParts Underflow(
        in FloatParts value, ulong rounded, int exponent, bool inexact, bool up, in FloatFormat format, ref FloatContext context)
    {
        if (!context.IsMasked(FloatContext.Underflow))
        {
            context.Raise(FloatContext.Underflow | (inexact ? FloatContext.Inexact : 0));
            context.RoundedUp = up;
            return new() { Class = FloatClass.Finite, Sign = value.Sign, Exponent = exponent + FloatFormat.WrapBias, High = rounded };
        }

        if ((context.Control & FloatContext.FlushToZero) != 0)
        {
            context.Raise(FloatContext.Underflow | FloatContext.Inexact);
            return FloatParts.Zero(value.Sign);
        }

        ulong high = value.High;
        ulong low = value.Low;
        ShiftRightSticky(ref high, ref low, format.MinExponent - value.Exponent);
        bool lost = RoundSignificand(ref high, low, format.Precision, value.Sign, context.Rounding, out up);
        if (lost)
            context.Raise(FloatContext.Underflow | FloatContext.Inexact);
        context.RoundedUp = up;
        return new() { Class = high == 0 ? FloatClass.Zero : FloatClass.Finite, Sign = value.Sign, Exponent = format.MinExponent, High = high };
    }

    private static FloatParts Overflow(
        in FloatParts value, ulong rounded, int exponent, bool inexact, bool up, in FloatFormat format, ref FloatContext context)
    {
        if (!context.IsMasked(FloatContext.Overflow))
        {
            context.Raise(FloatContext.Overflow | (inexact ? FloatContext.Inexact : 0));
            context.RoundedUp = up;
            return new() { Class = FloatClass.Finite, Sign = value.Sign, Exponent = exponent - FloatFormat.WrapBias, High = rounded };
        }

        context.Raise(FloatContext.Overflow | FloatContext.Inexact);
        bool infinite = context.Rounding switch
        {
            RoundingMode.Nearest => true,
            RoundingMode.Down => value.Sign,
            RoundingMode.Up => !value.Sign,
            _ => false,
        };
        context.RoundedUp = infinite;
        if (infinite)
            return FloatParts.Infinity(value.Sign);
        ulong largest = ulong.MaxValue << (64 - format.Precision);
        return new() { Class = FloatClass.Finite, Sign = value.Sign, Exponent = format.MaxExponent, High = largest };
    }
}
