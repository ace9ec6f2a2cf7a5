namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>Values worth trying: edges of integers and floating-point formats, and anything.</summary>
internal static class OperandValues
{
    private static ReadOnlySpan<ulong> Integers =>
    [
        0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000,
        0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000,
        0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFFE, 0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_FFFF_8000, 0xAAAA_AAAA_AAAA_AAAA,
    ];

    private static ReadOnlySpan<uint> Singles =>
    [
        0, 0x8000_0000, 0x3F80_0000, 0xBF80_0000, 0x4000_0000, 0x3F00_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0xFFC0_0000,
        0x7F80_0001, 0xFF81_2345, 0x7FC1_2345, 1, 0x8000_0001, 0x007F_FFFF, 0x0080_0000, 0x8080_0000, 0x0080_0001, 0x7F7F_FFFF,
        0xFF7F_FFFF, 0x4EFF_FFFF, 0x4F00_0000, 0xCF00_0000, 0xCF00_0001, 0x5EFF_FFFF, 0x5F00_0000, 0xDF00_0000, 0x3FC0_0000,
        0x4020_0000, 0x3EFF_FFFF, 0x3F00_0001, 0x4B00_0001, 0x4B7F_FFFF, 0x3400_0000, 0x3380_0000, 0x1F80_0000, 0x2000_0001,
    ];

    private static ReadOnlySpan<ulong> Doubles =>
    [
        0, 0x8000_0000_0000_0000, 0x3FF0_0000_0000_0000, 0xBFF0_0000_0000_0000, 0x4000_0000_0000_0000, 0x3FE0_0000_0000_0000,
        0x7FF0_0000_0000_0000, 0xFFF0_0000_0000_0000, 0x7FF8_0000_0000_0000, 0xFFF8_0000_0000_0000, 0x7FF0_0000_0000_0001,
        0xFFF1_2345_6789_ABCD, 0x7FF9_2345_6789_ABCD, 1, 0x8000_0000_0000_0001, 0x000F_FFFF_FFFF_FFFF, 0x0010_0000_0000_0000,
        0x8010_0000_0000_0000, 0x0010_0000_0000_0001, 0x7FEF_FFFF_FFFF_FFFF, 0xFFEF_FFFF_FFFF_FFFF, 0x41DF_FFFF_FFC0_0000,
        0x41DF_FFFF_FFE0_0000, 0x41E0_0000_0000_0000, 0xC1E0_0000_0000_0000, 0xC1E0_0000_0020_0000, 0x43DF_FFFF_FFFF_FFFF,
        0x43E0_0000_0000_0000, 0xC3E0_0000_0000_0000, 0x3FF8_0000_0000_0000, 0x4004_0000_0000_0000, 0x3FDF_FFFF_FFFF_FFFF,
        0x3FE0_0000_0000_0001, 0x4330_0000_0000_0001, 0x433F_FFFF_FFFF_FFFF, 0x3810_0000_0000_0000, 0x47EF_FFFF_F000_0000,
        0x380F_FFFF_FFFF_FFFF, 0x3690_0000_0000_0000, 0x36A0_0000_0000_0001, 0x3CA0_0000_0000_0000, 0x3CB0_0000_0000_0000,
    ];

    private static ReadOnlySpan<ushort> Exponents => [0, 1, 2, 0x3FBF, 0x3FC0, 0x3FFD, 0x3FFE, 0x3FFF, 0x4000, 0x4001, 0x401D, 0x401E, 0x403D, 0x403E, 0x403F, 0x7FFD, 0x7FFE, 0x7FFF];

    private static ReadOnlySpan<ulong> Significands =>
    [
        0x8000_0000_0000_0000, 0xC000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0001, 0xFFFF_FFFF_FFFF_F800,
        0xFFFF_FFFF_FFFF_FC00, 0xFFFF_FF00_0000_0000, 0xFFFF_FF80_0000_0000, 0xA000_0000_0000_0000, 0x8000_0000_0000_0400,
        0x8000_0080_0000_0000, 0, 1, 0x7FFF_FFFF_FFFF_FFFF, 0x4000_0000_0000_0000,
    ];

    /// <summary>A general register.</summary>
    public static ulong Integer(TestRandom random) => random.Below(4) switch
    {
        0 => random.Pick(Integers),
        1 => random.Next() >> random.Below(64),
        2 => (ulong)((long)random.Next() >> random.Below(64)),
        _ => random.Next(),
    };

    /// <summary>A binary32.</summary>
    public static uint Single(TestRandom random) => random.Below(5) switch
    {
        0 => random.Pick(Singles),
        1 => (uint)random.Next(),
        // Around one, with few or many bits, so that sums cancel and products and quotients round or do not.
        2 => (uint)(((ulong)(uint)(120 + random.Below(16)) << 23) | (random.Next() & 0x7FF000) | (random.Next() & 0x8000_0000)),
        3 => BitConverter.SingleToUInt32Bits(random.Below(4096) - 2048),
        _ => (uint)(((ulong)(uint)(100 + random.Below(56)) << 23) | (random.Next() & 0x807F_FFFF)),
    };

    /// <summary>A binary64.</summary>
    public static ulong Double(TestRandom random) => random.Below(5) switch
    {
        0 => random.Pick(Doubles),
        1 => random.Next(),
        2 => ((ulong)(uint)(1016 + random.Below(16)) << 52) | (random.Next() & 0x800F_FFFF_0000_0000),
        3 => BitConverter.DoubleToUInt64Bits((long)(random.Next() >> random.Below(64)) - 1000),
        _ => ((ulong)(uint)(960 + random.Below(126)) << 52) | (random.Next() & 0x800F_FFFF_FFFF_FFFF),
    };

    /// <summary>An 80-bit number, now and then no valid one.</summary>
    public static (ulong Significand, ushort SignExponent) Extended(TestRandom random)
    {
        var sign = (ushort)(random.Next() & 0x8000);
        switch (random.Below(8))
        {
            case 0:
                return (random.Pick(Significands), (ushort)(random.Pick(Exponents) | sign));
            case 1:
                return random.Chance(50) ? (0, sign) : (0x8000_0000_0000_0000, (ushort)(0x3FFF | sign));
            case 2:
                long integer = (long)(random.Next() >> random.Below(64));
                if (integer == 0)
                    return (0, sign);
                int zeros = System.Numerics.BitOperations.LeadingZeroCount((ulong)integer);
                return ((ulong)integer << zeros, (ushort)((0x3FFF + 63 - zeros) | sign));
            case 3:
                // Near the ends of double and single, where stores overflow and underflow.
                int near = random.Chance(50) ? 1023 : 127;
                return (random.Next() | (1UL << 63), (ushort)((0x3FFF + (random.Chance(50) ? near : -near) + random.Below(60) - 30) | sign));
            case 4:
                return (random.Next() | (1UL << 63), (ushort)(random.Below(0x8000) | sign));
            case 5:
                return (random.Pick(Significands) | (1UL << 63), (ushort)((0x3FF0 + random.Below(32)) | sign));
            default:
                return (random.Next() | (1UL << 63), (ushort)((0x3FE0 + random.Below(64)) | sign));
        }
    }

    /// <summary>Fills vectors, or memory: one kind of number per 16 bytes.</summary>
    public static void Vectors(TestRandom random, Span<byte> bytes)
    {
        for (int at = 0; at + 16 <= bytes.Length; at += 16)
        {
            Span<byte> vector = bytes.Slice(at, 16);
            switch (random.Below(6))
            {
                case 0:
                    random.Fill(vector);
                    break;
                case 1 or 2:
                    for (int i = 0; i < 4; i++)
                        BitConverter.TryWriteBytes(vector[(4 * i)..], Single(random));
                    break;
                case 3 or 4:
                    for (int i = 0; i < 2; i++)
                        BitConverter.TryWriteBytes(vector[(8 * i)..], Double(random));
                    break;
                default:
                    ulong mask = random.Chance(50) ? 0x0303_0303_0303_0303UL : 0xFF00_80FF_7FFF_00FFUL;
                    for (int i = 0; i < 2; i++)
                        BitConverter.TryWriteBytes(vector[(8 * i)..], random.Chance(50) ? Integer(random) : random.Next() & mask);
                    break;
            }
        }
    }
}
