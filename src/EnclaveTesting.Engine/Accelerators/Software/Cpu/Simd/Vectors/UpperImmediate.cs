using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>An operation as the upper 128 bits do it: with the immediate's next bits.</summary>
internal readonly struct UpperImmediate<T, TShift> : IVectorOp
    where T : struct, IVectorOp
    where TShift : struct, UpperImmediate.IShift
{
    public static V Apply(V a, V b, int imm) => T.Apply(a, b, imm >> TShift.Count);
}

/// <summary>How far the immediate's bits for the upper half are from those for the lower.</summary>
internal static class UpperImmediate
{
    public interface IShift
    {
        static abstract int Count { get; }
    }

    public readonly struct Two : IShift
    {
        public static int Count => 2;
    }

    public readonly struct Three : IShift
    {
        public static int Count => 3;
    }

    public readonly struct Four : IShift
    {
        public static int Count => 4;
    }
}
