using System.Numerics;
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>The comparison behind PCMPESTRI, PCMPESTRM, PCMPISTRI and PCMPISTRM (SDM vol. 2, 4.1).</summary>
internal static class StringCompare
{
    /// <summary>How many elements there are.</summary>
    public static int Count(int imm) => (imm & 1) != 0 ? 8 : 16;

    /// <summary>The elements before the first zero.</summary>
    public static int ImplicitLength(V value, int imm)
    {
        uint zeros = (imm & 1) != 0
            ? Vector128.Equals(value.AsUInt16(), Vector128<ushort>.Zero).ExtractMostSignificantBits()
            : Vector128.Equals(value, V.Zero).ExtractMostSignificantBits();
        return Math.Min(BitOperations.TrailingZeroCount(zeros), Count(imm));
    }

    /// <summary>A length given in a register: its magnitude, at most the number of elements.</summary>
    public static int ExplicitLength(long length, int imm)
    {
        int count = Count(imm);
        return length >= count || length <= -count ? count : (int)Math.Abs(length);
    }

    /// <summary>IntRes2: a bit for each element of the second string.</summary>
    public static uint Compare(V first, int firstLength, V second, int secondLength, int imm)
    {
        int count = Count(imm);
        uint result = 0;
        switch ((imm >> 2) & 3)
        {
            case 0:
                for (int j = 0; j < secondLength; j++)
                {
                    for (int i = 0; i < firstLength; i++)
                    {
                        if (Element(first, i, imm) == Element(second, j, imm))
                            result |= 1U << j;
                    }
                }

                break;
            case 1:
                for (int j = 0; j < secondLength; j++)
                {
                    int value = Element(second, j, imm);
                    for (int i = 0; i + 1 < firstLength; i += 2)
                    {
                        if (value >= Element(first, i, imm) && value <= Element(first, i + 1, imm))
                            result |= 1U << j;
                    }
                }

                break;
            case 2:
                // Two elements past both ends are equal, an element and an end are not.
                for (int j = 0; j < count; j++)
                {
                    bool one = j < firstLength;
                    bool other = j < secondLength;
                    if (one == other && (!one || Element(first, j, imm) == Element(second, j, imm)))
                        result |= 1U << j;
                }

                break;
            default:
                for (int j = 0; j < count; j++)
                {
                    bool found = true;
                    for (int i = 0; found && i < firstLength && i + j < count; i++)
                        found = i + j < secondLength && Element(first, i, imm) == Element(second, i + j, imm);
                    if (found)
                        result |= 1U << j;
                }

                break;
        }

        uint all = (1U << count) - 1;
        return ((imm >> 4) & 3) switch
        {
            1 => result ^ all,
            3 => result ^ (secondLength >= count ? all : (1U << secondLength) - 1),
            _ => result,
        };
    }

    /// <summary>The index form's result.</summary>
    public static int Index(uint result, int imm)
    {
        if (result == 0)
            return Count(imm);
        return (imm & 0x40) != 0 ? 31 - BitOperations.LeadingZeroCount(result) : BitOperations.TrailingZeroCount(result);
    }

    /// <summary>The mask form's result.</summary>
    public static V Mask(uint result, int imm)
    {
        if ((imm & 0x40) == 0)
            return Vector128.CreateScalar(result).AsByte();
        if ((imm & 1) != 0)
        {
            Vector128<ushort> each = Vector128.Create((ushort)1, 2, 4, 8, 16, 32, 64, 128);
            return Vector128.Equals(Vector128.Create((ushort)result) & each, each).AsByte();
        }

        V bits = Vector128.Create((byte)1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128);
        V bytes = Vector128.Create(Vector64.Create((byte)result), Vector64.Create((byte)(result >> 8)));
        return Vector128.Equals(bytes & bits, bits);
    }

    private static int Element(V value, int index, int imm) => (imm & 3) switch
    {
        0 => value[index],
        1 => value.AsUInt16()[index],
        2 => value.AsSByte()[index],
        _ => value.AsInt16()[index],
    };
}
