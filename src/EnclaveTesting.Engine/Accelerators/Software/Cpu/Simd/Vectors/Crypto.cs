using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>AES rounds (FIPS 197, with the state as the columns of a vector) and carry-less multiplication.</summary>
internal static class Crypto
{
    private static readonly byte[] Substitution = MakeSubstitution();
    private static readonly byte[] InverseSubstitution = Invert(Substitution);

    // Where each byte comes from when the rows are shifted.
    private static V Rows => Vector128.Create((byte)0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11);

    private static V InverseRows => Vector128.Create((byte)0, 13, 10, 7, 4, 1, 14, 11, 8, 5, 2, 15, 12, 9, 6, 3);

    public readonly struct Aesenc : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Mix(Substitute(Vector128.Shuffle(a, Rows), Substitution)) ^ b;
    }

    public readonly struct Aesenclast : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Substitute(Vector128.Shuffle(a, Rows), Substitution) ^ b;
    }

    public readonly struct Aesdec : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => InverseMix(Substitute(Vector128.Shuffle(a, InverseRows), InverseSubstitution)) ^ b;
    }

    public readonly struct Aesdeclast : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Substitute(Vector128.Shuffle(a, InverseRows), InverseSubstitution) ^ b;
    }

    public readonly struct Aesimc : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => InverseMix(b);
    }

    public readonly struct Aeskeygenassist : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<uint> words = Substitute(b, Substitution).AsUInt32();
            uint constant = (byte)imm;
            return Vector128.Create(
                words[1],
                uint.RotateRight(words[1], 8) ^ constant,
                words[3],
                uint.RotateRight(words[3], 8) ^ constant).AsByte();
        }
    }

    public readonly struct Pclmulqdq : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            ulong x = a.AsUInt64()[imm & 1];
            ulong y = b.AsUInt64()[(imm >> 4) & 1];
            ulong low = 0;
            ulong high = 0;
            for (int i = 0; i < 64; i++)
            {
                ulong mask = 0 - ((y >> i) & 1);
                low ^= (x << i) & mask;
                high ^= (i == 0 ? 0 : x >> (64 - i)) & mask;
            }

            return Vector128.Create(low, high).AsByte();
        }
    }

    private static V Substitute(V value, byte[] table)
    {
        Span<byte> bytes = stackalloc byte[16];
        value.CopyTo(bytes);
        for (int i = 0; i < bytes.Length; i++)
            bytes[i] = table[bytes[i]];
        return Vector128.Create((ReadOnlySpan<byte>)bytes);
    }

    // Twice each byte in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1.
    private static V Double(V value)
        => (value + value) ^ (Vector128.LessThan(value.AsSByte(), Vector128<sbyte>.Zero).AsByte() & Vector128.Create((byte)0x1B));

    private static V Rotate(V value, int rows)
    {
        int bits = 8 * rows;
        Vector128<uint> columns = value.AsUInt32();
        return ((columns >> bits) | (columns << (32 - bits))).AsByte();
    }

    private static V Mix(V value)
    {
        V next = Rotate(value, 1);
        return Double(value ^ next) ^ next ^ Rotate(value, 2) ^ Rotate(value, 3);
    }

    // The inverse matrix is the matrix times one whose entries are 5 and 4.
    private static V InverseMix(V value)
    {
        V four = Double(Double(value ^ Rotate(value, 2)));
        return Mix(value ^ four);
    }

    private static byte[] MakeSubstitution()
    {
        var table = new byte[256];
        // p runs through the powers of 3, q through those of its inverse, so that q is the inverse of p.
        byte p = 1;
        byte q = 1;
        do
        {
            p = (byte)(p ^ (p << 1) ^ ((p & 0x80) != 0 ? 0x1B : 0));
            q ^= (byte)(q << 1);
            q ^= (byte)(q << 2);
            q ^= (byte)(q << 4);
            if ((q & 0x80) != 0)
                q ^= 9;
            table[p] = (byte)(q ^ byte.RotateLeft(q, 1) ^ byte.RotateLeft(q, 2) ^ byte.RotateLeft(q, 3) ^ byte.RotateLeft(q, 4) ^ 0x63);
        }
        while (p != 1);
        table[0] = 0x63;
        return table;
    }

    private static byte[] Invert(byte[] table)
    {
        var inverse = new byte[256];
        for (int i = 0; i < table.Length; i++)
            inverse[table[i]] = (byte)i;
        return inverse;
    }
}
