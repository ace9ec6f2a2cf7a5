using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>What moves into vector registers leave of the destination.</summary>
internal static class VectorMoves
{
    /// <summary>Nothing.</summary>
    public readonly struct Whole : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => b;
    }

    /// <summary>All but the lowest doubleword.</summary>
    public readonly struct Single : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => a.AsUInt32().WithElement(0, b.AsUInt32()[0]).AsByte();
    }

    /// <summary>The upper quadword.</summary>
    public readonly struct Lower : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Create(b.GetLower(), a.GetUpper());
    }

    /// <summary>The lower quadword; the upper one comes from the source's lower one.</summary>
    public readonly struct LowerToUpper : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Create(a.GetLower(), b.GetLower());
    }

    /// <summary>The upper quadword; the lower one comes from the source's upper one.</summary>
    public readonly struct UpperToLower : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Create(b.GetUpper(), a.GetUpper());
    }

    /// <summary>Nothing, and above the source's lower quadword are zeros.</summary>
    public readonly struct LowerAlone : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.CreateScalar(b.AsUInt64()[0]).AsByte();
    }
}
