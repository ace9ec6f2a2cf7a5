namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>A format numbers are rounded to.</summary>
/// <param name="Precision">Bits of the significand with the leading one.</param>
/// <param name="MinExponent">Exponent of the smallest normal number.</param>
/// <param name="MaxExponent">Exponent of the largest number.</param>
internal readonly record struct FloatFormat(int Precision, int MinExponent, int MaxExponent)
{
    /// <summary>Added to or taken from the exponent when the FPU's overflow or underflow is not masked (SDM vol. 1, 8.5.4).</summary>
    public const int WrapBias = 24576;

    /// <summary>IEEE 754 binary32.</summary>
    public static readonly FloatFormat Single = new(24, -126, 127);

    /// <summary>IEEE 754 binary64.</summary>
    public static readonly FloatFormat Double = new(53, -1022, 1023);

    /// <summary>The 80-bit extended format.</summary>
    public static readonly FloatFormat Extended = new(64, -16382, 16383);

    /// <summary>Extended, rounded to double's significand by the FPU's precision control.</summary>
    public static readonly FloatFormat ExtendedToDouble = new(53, -16382, 16383);

    /// <summary>Extended, rounded to single's significand by the FPU's precision control.</summary>
    public static readonly FloatFormat ExtendedToSingle = new(24, -16382, 16383);

    /// <summary>IEEE 754 binary16.</summary>
    public static readonly FloatFormat Half = new(11, -14, 15);
}
