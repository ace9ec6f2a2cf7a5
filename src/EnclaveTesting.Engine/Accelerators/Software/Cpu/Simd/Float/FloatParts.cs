namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>
/// A number taken apart: (-1)^Sign × High:Low × 2^(Exponent-127), the top bit of High set for a finite number that was not just rounded
/// to a denormal. A NaN's payload lies at the top of High, as in the 80-bit format.
/// </summary>
internal struct FloatParts
{
    /// <summary>The top bit of the significand.</summary>
    public const ulong Leading = 1UL << 63;

    /// <summary>The bit that makes a NaN quiet.</summary>
    public const ulong Quiet = 1UL << 62;

    /// <summary>The significand's upper half.</summary>
    public ulong High;

    /// <summary>The significand's lower half; the last bit is sticky.</summary>
    public ulong Low;

    /// <summary>The exponent of the leading bit.</summary>
    public int Exponent;

    /// <summary>The kind of number.</summary>
    public FloatClass Class;

    /// <summary>Negative.</summary>
    public bool Sign;

    /// <summary>It was denormal in its format.</summary>
    public bool Denormal;

    /// <summary>Not a number, or an encoding that is refused.</summary>
    public readonly bool IsNaN => Class >= FloatClass.QuietNaN;

    /// <summary>A zero.</summary>
    public static FloatParts Zero(bool sign) => new() { Class = FloatClass.Zero, Sign = sign };

    /// <summary>An infinity.</summary>
    public static FloatParts Infinity(bool sign) => new() { Class = FloatClass.Infinity, Sign = sign };

    /// <summary>The NaN that stands for "no result" ("real indefinite").</summary>
    public static FloatParts DefaultNaN => new() { Class = FloatClass.QuietNaN, Sign = true, High = Leading | Quiet };

    /// <summary>A finite number from its normalised or not yet normalised significand.</summary>
    public static FloatParts Finite(bool sign, int exponent, ulong high, ulong low)
    {
        if (high == 0)
        {
            if (low == 0)
                return Zero(sign);
            high = low;
            low = 0;
            exponent -= 64;
        }

        int shift = System.Numerics.BitOperations.LeadingZeroCount(high);
        if (shift != 0)
        {
            high = (high << shift) | (low >> (64 - shift));
            low <<= shift;
        }

        return new() { Class = FloatClass.Finite, Sign = sign, Exponent = exponent - shift, High = high, Low = low };
    }

    /// <summary>An integer, exactly.</summary>
    public static FloatParts FromInteger(long value) =>
        Finite(value < 0, 63, value < 0 ? (ulong)-value : (ulong)value, 0);
}
