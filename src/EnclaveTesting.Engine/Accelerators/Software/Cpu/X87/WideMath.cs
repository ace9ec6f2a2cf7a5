using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>
/// Elementary functions with about 120 good bits, on finite numbers of 128 significant bits, for results that are then rounded to 64. Series
/// after an argument reduction; only the host's double arctangent is used, as a first guess.
/// </summary>
internal static class WideMath
{
    private const int Bits = 128;

    /// <summary>π.</summary>
    public static readonly FloatParts Pi = FloatParts.Finite(false, 1, 0xC90FDAA22168C234, 0xC4C6628B80DC1CD1);

    /// <summary>The natural logarithm of 2.</summary>
    public static readonly FloatParts Ln2 = FloatParts.Finite(false, -1, 0xB17217F7D1CF79AB, 0xC9E3B39803F2F6AF);

    /// <summary>1.</summary>
    public static readonly FloatParts One = FloatParts.FromInteger(1);

    /// <summary>a × b.</summary>
    public static FloatParts Multiply(in FloatParts a, in FloatParts b)
    {
        bool sign = a.Sign ^ b.Sign;
        if (a.Class == FloatClass.Zero || b.Class == FloatClass.Zero)
            return FloatParts.Zero(sign);
        ulong top = Math.BigMul(a.High, b.High, out ulong topLow);
        ulong middle1 = Math.BigMul(a.High, b.Low, out ulong _);
        ulong middle2 = Math.BigMul(a.Low, b.High, out ulong _);
        UInt128 product = new UInt128(top, topLow) + middle1 + middle2;
        return FloatParts.Finite(sign, a.Exponent + b.Exponent + 1, (ulong)(product >> 64), (ulong)product);
    }

    /// <summary>a + b.</summary>
    public static FloatParts Add(in FloatParts a, in FloatParts b) => SoftFloat.AddFinite(in a, in b, RoundingMode.Nearest);

    /// <summary>a - b.</summary>
    public static FloatParts Subtract(in FloatParts a, FloatParts b)
    {
        b.Sign = !b.Sign;
        return Add(in a, in b);
    }

    /// <summary>a ÷ b; b is not zero.</summary>
    public static FloatParts Divide(in FloatParts a, in FloatParts b)
    {
        bool sign = a.Sign ^ b.Sign;
        if (a.Class == FloatClass.Zero)
            return FloatParts.Zero(sign);
        var rest = new UInt128(a.High, a.Low);
        var divisor = new UInt128(b.High, b.Low);
        UInt128 quotient = UInt128.Zero;
        int exponent = a.Exponent - b.Exponent;
        bool carry = false;
        for (int i = 0; i < Bits; i++)
        {
            quotient <<= 1;
            if (carry || rest >= divisor)
            {
                rest -= divisor;
                quotient |= 1;
            }

            carry = rest >> 127 != UInt128.Zero;
            rest <<= 1;
        }

        return FloatParts.Finite(sign, exponent, (ulong)(quotient >> 64), (ulong)quotient);
    }

    /// <summary>a ÷ n for a small positive n.</summary>
    public static FloatParts Divide(in FloatParts a, uint n)
    {
        if (a.Class == FloatClass.Zero)
            return a;
        UInt128 quotient = new UInt128(a.High, a.Low) / n;
        return FloatParts.Finite(a.Sign, a.Exponent, (ulong)(quotient >> 64), (ulong)quotient);
    }

    /// <summary>e^x - 1 for |x| at most 1.</summary>
    public static FloatParts ExponentialMinusOne(in FloatParts x)
    {
        FloatParts sum = x;
        FloatParts term = x;
        for (uint n = 2; IsRelevant(in term, in sum); n++)
        {
            term = Divide(Multiply(in term, in x), n);
            sum = Add(in sum, in term);
        }

        return sum;
    }

    /// <summary>Sine and cosine for |x| at most 1.</summary>
    public static (FloatParts Sine, FloatParts Cosine) SineCosine(in FloatParts x)
    {
        if (x.Class == FloatClass.Zero)
            return (x, One);
        FloatParts square = Multiply(in x, in x);
        square.Sign = true;
        FloatParts sine = x;
        FloatParts term = x;
        for (uint n = 2; IsRelevant(in term, in sine); n += 2)
        {
            term = Divide(Multiply(in term, in square), n * (n + 1));
            sine = Add(in sine, in term);
        }

        FloatParts cosine = One;
        term = One;
        for (uint n = 1; IsRelevant(in term, in cosine); n += 2)
        {
            term = Divide(Multiply(in term, in square), n * (n + 1));
            cosine = Add(in cosine, in term);
        }

        return (sine, cosine);
    }

    /// <summary>The arctangent of a positive ratio of at most 1.</summary>
    public static FloatParts Arctangent(in FloatParts ratio)
    {
        if (ratio.Class == FloatClass.Zero)
            return ratio;
        if (ratio.Exponent < -66)
        {
            // Less than the ratio by less than can be shown.
            FloatParts below = ratio;
            UInt128 bits = new UInt128(below.High, below.Low) - 1;
            return FloatParts.Finite(false, below.Exponent, (ulong)(bits >> 64), (ulong)bits);
        }

        // tan(guess + d) = ratio gives tan d = (ratio cos - sin) / (cos + ratio sin), and d is so small that it equals its tangent.
        double guess = Math.Atan(Math.ScaleB((double)ratio.High, ratio.Exponent - 63));
        var context = new FloatContext(0);
        FloatParts start = FloatFormats.Unpack(BitConverter.DoubleToUInt64Bits(guess), in context);
        (FloatParts sine, FloatParts cosine) = SineCosine(in start);
        FloatParts above = Subtract(Multiply(in ratio, in cosine), sine);
        FloatParts beneath = Add(in cosine, Multiply(in ratio, in sine));
        FloatParts difference = Divide(in above, in beneath);
        FloatParts cube = Divide(Multiply(Multiply(in difference, in difference), in difference), 3);
        return Add(in start, Subtract(in difference, cube));
    }

    /// <summary>2 artanh(z) for |z| at most 0.18: the logarithm of (1 + z) / (1 - z).</summary>
    public static FloatParts LogarithmOfRatio(in FloatParts z)
    {
        if (z.Class == FloatClass.Zero)
            return z;
        FloatParts square = Multiply(in z, in z);
        FloatParts sum = z;
        FloatParts power = z;
        FloatParts term = z;
        for (uint n = 3; IsRelevant(in term, in sum); n += 2)
        {
            power = Multiply(in power, in square);
            term = Divide(in power, n);
            sum = Add(in sum, in term);
        }

        sum.Exponent++;
        return sum;
    }

    /// <summary>The binary logarithm of a positive number; exact for powers of two.</summary>
    public static FloatParts BinaryLogarithm(in FloatParts x)
    {
        int exponent = x.Exponent;
        FloatParts mantissa = x;
        mantissa.Exponent = 0;
        // From 1..2 to around 1: above the square root of 2, half of it.
        if (mantissa.High > 0xB504F333F9DE6484)
        {
            mantissa.Exponent = -1;
            exponent++;
        }

        FloatParts z = Divide(Subtract(in mantissa, One), Add(in mantissa, in One));
        FloatParts fraction = Divide(LogarithmOfRatio(in z), in Ln2);
        return Add(FloatParts.FromInteger(exponent), in fraction);
    }

    /// <summary>The binary logarithm of 1 + x for |x| at most 0.42, with all bits even for a small x.</summary>
    public static FloatParts BinaryLogarithmOfOnePlus(in FloatParts x)
    {
        FloatParts two = FloatParts.FromInteger(2);
        FloatParts z = Divide(in x, Add(in two, in x));
        return Divide(LogarithmOfRatio(in z), in Ln2);
    }

    private static bool IsRelevant(in FloatParts term, in FloatParts sum)
        => term.Class != FloatClass.Zero && term.Exponent > sum.Exponent - Bits - 2;
}
