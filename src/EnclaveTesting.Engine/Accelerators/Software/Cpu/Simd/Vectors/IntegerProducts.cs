using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Packed integer multiplication, sums of products and of differences, horizontal sums.</summary>
internal static class IntegerProducts
{
    public readonly struct Pmullw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsInt16() * b.AsInt16()).AsByte();
    }

    public readonly struct Pmulld : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsInt32() * b.AsInt32()).AsByte();
    }

    public readonly struct Pmulhw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            (Vector128<int> low, Vector128<int> high) = Products(a, b);
            return Vector128.Narrow(low >> 16, high >> 16).AsByte();
        }
    }

    public readonly struct Pmulhuw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<uint> low = Vector128.WidenLower(a.AsUInt16()) * Vector128.WidenLower(b.AsUInt16());
            Vector128<uint> high = Vector128.WidenUpper(a.AsUInt16()) * Vector128.WidenUpper(b.AsUInt16());
            return Vector128.Narrow(low >> 16, high >> 16).AsByte();
        }
    }

    public readonly struct Pmulhrsw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            (Vector128<int> low, Vector128<int> high) = Products(a, b);
            return Vector128.Narrow(((low >> 14) + Vector128<int>.One) >> 1, ((high >> 14) + Vector128<int>.One) >> 1).AsByte();
        }
    }

    public readonly struct Pmaddwd : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<int> even = ((a.AsInt32() << 16) >> 16) * ((b.AsInt32() << 16) >> 16);
            return (even + ((a.AsInt32() >> 16) * (b.AsInt32() >> 16))).AsByte();
        }
    }

    public readonly struct Pmaddubsw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<short> even = (a.AsUInt16() & Vector128.Create((ushort)0xFF)).AsInt16() * ((b.AsInt16() << 8) >> 8);
            Vector128<short> odd = (a.AsUInt16() >> 8).AsInt16() * (b.AsInt16() >> 8);
            return Vector128.AddSaturate(even, odd).AsByte();
        }
    }

    public readonly struct Pmuludq : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<ulong> mask = Vector128.Create(0xFFFF_FFFFUL);
            return ((a.AsUInt64() & mask) * (b.AsUInt64() & mask)).AsByte();
        }
    }

    public readonly struct Pmuldq : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<long> x = (a.AsInt64() << 32) >> 32;
            Vector128<long> y = (b.AsInt64() << 32) >> 32;
            return (x * y).AsByte();
        }
    }

    public readonly struct Psadbw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<ushort> pairs = (Vector128.Max(a, b) - Vector128.Min(a, b)).AsUInt16();
            pairs = (pairs & Vector128.Create((ushort)0xFF)) + (pairs >> 8);
            Vector128<ulong> sum = pairs.AsUInt64() + (pairs.AsUInt64() >> 32);
            return ((sum + (sum >> 16)) & Vector128.Create(0xFFFFUL)).AsByte();
        }
    }

    public readonly struct Mpsadbw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<ushort> result = default;
            int from = (imm & 4) != 0 ? 4 : 0;
            int with = (imm & 3) * 4;
            for (int i = 0; i < 8; i++)
            {
                int sum = 0;
                for (int k = 0; k < 4; k++)
                    sum += Math.Abs(a[from + i + k] - b[with + k]);
                result = result.WithElement(i, (ushort)sum);
            }

            return result.AsByte();
        }
    }

    public readonly struct Phminposuw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<ushort> words = b.AsUInt16();
            int at = 0;
            for (int i = 1; i < 8; i++)
            {
                if (words[i] < words[at])
                    at = i;
            }

            return Vector128.Create(words[at], (ushort)at, 0, 0, 0, 0, 0, 0).AsByte();
        }
    }

    public readonly struct Phaddw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            (Vector128<short> even, Vector128<short> odd) = WordPairs(a, b);
            return (even + odd).AsByte();
        }
    }

    public readonly struct Phaddsw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            (Vector128<short> even, Vector128<short> odd) = WordPairs(a, b);
            return Vector128.AddSaturate(even, odd).AsByte();
        }
    }

    public readonly struct Phaddd : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<int> even = Vector128.Narrow(a.AsInt64(), b.AsInt64());
            Vector128<int> odd = Vector128.Narrow(a.AsInt64() >> 32, b.AsInt64() >> 32);
            return (even + odd).AsByte();
        }
    }

    public readonly struct Phsubw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            (Vector128<short> even, Vector128<short> odd) = WordPairs(a, b);
            return (even - odd).AsByte();
        }
    }

    public readonly struct Phsubsw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            (Vector128<short> even, Vector128<short> odd) = WordPairs(a, b);
            return Vector128.SubtractSaturate(even, odd).AsByte();
        }
    }

    public readonly struct Phsubd : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<int> even = Vector128.Narrow(a.AsInt64(), b.AsInt64());
            Vector128<int> odd = Vector128.Narrow(a.AsInt64() >> 32, b.AsInt64() >> 32);
            return (even - odd).AsByte();
        }
    }

    private static (Vector128<int> Low, Vector128<int> High) Products(V a, V b) => (
        Vector128.WidenLower(a.AsInt16()) * Vector128.WidenLower(b.AsInt16()),
        Vector128.WidenUpper(a.AsInt16()) * Vector128.WidenUpper(b.AsInt16()));

    private static (Vector128<short> Even, Vector128<short> Odd) WordPairs(V a, V b) => (
        Vector128.Narrow(a.AsInt32(), b.AsInt32()),
        Vector128.Narrow(a.AsInt32() >> 16, b.AsInt32() >> 16));
}
