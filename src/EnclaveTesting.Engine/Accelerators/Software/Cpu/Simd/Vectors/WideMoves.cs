using System.Runtime.Intrinsics;
using W = System.Runtime.Intrinsics.Vector256<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Broadcasts, permutations across the halves of 256 bits, and widening into 256 bits.</summary>
internal static class WideMoves
{
    public readonly struct Whole : IWideOp
    {
        public static W Apply(W a, W b, int imm) => b;
    }

    /// <summary>The lowest element everywhere in 256 bits.</summary>
    public readonly struct Broadcast<T> : IWideOp
        where T : unmanaged
    {
        public static W Apply(W a, W b, int imm) => Vector256.Create(b.As<byte, T>()[0]).AsByte();
    }

    /// <summary>The lowest element everywhere in 128 bits.</summary>
    public readonly struct BroadcastNarrow<T> : IVectorOp
        where T : unmanaged
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, int imm) => Vector128.Create(b.As<byte, T>()[0]).AsByte();
    }

    /// <summary>The lower half in both halves.</summary>
    public readonly struct BroadcastHalf : IWideOp
    {
        public static W Apply(W a, W b, int imm) => Vector256.Create(b.GetLower(), b.GetLower());
    }

    /// <summary>VPERM2F128, VPERM2I128: each half is any half of the sources, or zero.</summary>
    public readonly struct PermuteHalves : IWideOp
    {
        public static W Apply(W a, W b, int imm) => Vector256.Create(Half(a, b, imm), Half(a, b, imm >> 4));

        private static Vector128<byte> Half(W a, W b, int choice) => (choice & 8) != 0 ? default : (choice & 3) switch
        {
            0 => a.GetLower(),
            1 => a.GetUpper(),
            2 => b.GetLower(),
            _ => b.GetUpper(),
        };
    }

    /// <summary>VINSERTF128, VINSERTI128.</summary>
    public readonly struct InsertHalf : IWideOp
    {
        public static W Apply(W a, W b, int imm) => (imm & 1) != 0 ? a.WithUpper(b.GetLower()) : a.WithLower(b.GetLower());
    }

    /// <summary>VPERMD, VPERMPS: doublewords chosen by those of the first source.</summary>
    public readonly struct PermuteDoublewords : IWideOp
    {
        public static W Apply(W a, W b, int imm) => Vector256.Shuffle(b.AsUInt32(), a.AsUInt32() & Vector256.Create(7U)).AsByte();
    }

    /// <summary>VPERMQ, VPERMPD: quadwords chosen by the immediate.</summary>
    public readonly struct PermuteQuadwords : IWideOp
    {
        public static W Apply(W a, W b, int imm)
            => Vector256.Shuffle(b.AsUInt64(), Vector256.Create((ulong)imm & 3, ((ulong)imm >> 2) & 3, ((ulong)imm >> 4) & 3, ((ulong)imm >> 6) & 3)).AsByte();
    }

    /// <summary>A widening operation (<see cref="Extensions"/>): the upper result comes from the source's next bytes.</summary>
    public readonly struct Extend<T, TStep> : IWideOp
        where T : struct, IVectorOp
        where TStep : struct, Extend.IStep
    {
        public static W Apply(W a, W b, int imm)
            => Vector256.Create(T.Apply(default, b.GetLower(), 0), T.Apply(default, Bytes.ShiftRight(b.GetLower(), TStep.Bytes), 0));
    }

    /// <summary>Bytes of the source that make 128 bits of the result.</summary>
    public static class Extend
    {
        public interface IStep
        {
            static abstract int Bytes { get; }
        }

        public readonly struct Eight : IStep
        {
            public static int Bytes => 8;
        }

        public readonly struct Four : IStep
        {
            public static int Bytes => 4;
        }

        public readonly struct Two : IStep
        {
            public static int Bytes => 2;
        }
    }
}
