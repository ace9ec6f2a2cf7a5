using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Widening with the sign or with zeros, from the lower bits of the source.</summary>
internal static class Extensions
{
    public readonly struct Pmovsxbw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(b.AsSByte()).AsByte();
    }

    public readonly struct Pmovzxbw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(b).AsByte();
    }

    public readonly struct Pmovsxbd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(Vector128.WidenLower(b.AsSByte()).AsInt16()).AsByte();
    }

    public readonly struct Pmovzxbd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(Vector128.WidenLower(b).AsUInt16()).AsByte();
    }

    public readonly struct Pmovsxbq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(Vector128.WidenLower(Vector128.WidenLower(b.AsSByte()).AsInt16()).AsInt32()).AsByte();
    }

    public readonly struct Pmovzxbq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(Vector128.WidenLower(Vector128.WidenLower(b).AsUInt16()).AsUInt32()).AsByte();
    }

    public readonly struct Pmovsxwd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(b.AsInt16()).AsByte();
    }

    public readonly struct Pmovzxwd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(b.AsUInt16()).AsByte();
    }

    public readonly struct Pmovsxwq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(Vector128.WidenLower(b.AsInt16()).AsInt32()).AsByte();
    }

    public readonly struct Pmovzxwq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(Vector128.WidenLower(b.AsUInt16()).AsUInt32()).AsByte();
    }

    public readonly struct Pmovsxdq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(b.AsInt32()).AsByte();
    }

    public readonly struct Pmovzxdq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.WidenLower(b.AsUInt32()).AsByte();
    }
}
