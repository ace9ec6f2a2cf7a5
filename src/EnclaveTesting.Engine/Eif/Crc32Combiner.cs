namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// Joins CRC-32 (IEEE) values of adjacent pieces, so that the pieces can be summed in any order. Appending a piece of n bytes
/// multiplies the CRC before it by x^(8n) modulo the polynomial, over GF(2), reflected.
/// </summary>
internal static class Crc32Combiner
{
    private const uint ReflectedPolynomial = 0xEDB8_8320;
    private const uint One = 0x8000_0000;

    /// <summary>CRC of a ‖ b from the CRC of a, the CRC of b and the length of b in bytes.</summary>
    public static uint Combine(uint first, uint second, long secondLength) => Multiply(PowerOfX(8 * (ulong)secondLength), first) ^ second;

    private static uint PowerOfX(ulong exponent)
    {
        uint result = One;
        uint square = One >> 1;
        for (; exponent != 0; exponent >>= 1)
        {
            if ((exponent & 1) != 0)
                result = Multiply(square, result);
            square = Multiply(square, square);
        }

        return result;
    }

    private static uint Multiply(uint a, uint b)
    {
        uint product = 0;
        for (uint bit = One; bit != 0; bit >>= 1)
        {
            if ((a & bit) != 0)
                product ^= b;
            b = (b & 1) != 0 ? (b >> 1) ^ ReflectedPolynomial : b >> 1;
        }

        return product;
    }
}
