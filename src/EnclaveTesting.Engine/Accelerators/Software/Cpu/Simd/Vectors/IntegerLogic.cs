using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Packed logic, integer comparisons and shifts. Shifts by an immediate work on the second operand, shifts by a register on the first.</summary>
internal static class IntegerLogic
{
    public readonly struct Pand : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => a & b;
    }

    public readonly struct Pandn : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => b & ~a;
    }

    public readonly struct Por : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => a | b;
    }

    public readonly struct Pxor : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => a ^ b;
    }

    public readonly struct Pcmpeqb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Equals(a.AsByte(), b.AsByte()).AsByte();
    }

    public readonly struct Pcmpeqw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Equals(a.AsUInt16(), b.AsUInt16()).AsByte();
    }

    public readonly struct Pcmpeqd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Equals(a.AsUInt32(), b.AsUInt32()).AsByte();
    }

    public readonly struct Pcmpeqq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Equals(a.AsUInt64(), b.AsUInt64()).AsByte();
    }

    public readonly struct Pcmpgtb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.GreaterThan(a.AsSByte(), b.AsSByte()).AsByte();
    }

    public readonly struct Pcmpgtw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.GreaterThan(a.AsInt16(), b.AsInt16()).AsByte();
    }

    public readonly struct Pcmpgtd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.GreaterThan(a.AsInt32(), b.AsInt32()).AsByte();
    }

    public readonly struct Pcmpgtq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.GreaterThan(a.AsInt64(), b.AsInt64()).AsByte();
    }

    public readonly struct Psllw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => b.AsUInt64()[0] < 16 ? (a.AsUInt16() << (int)b.AsUInt64()[0]).AsByte() : default;
    }

    public readonly struct PsllwImm : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (uint)(byte)imm < 16 ? (b.AsUInt16() << (byte)imm).AsByte() : default;
    }

    public readonly struct Pslld : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => b.AsUInt64()[0] < 32 ? (a.AsUInt32() << (int)b.AsUInt64()[0]).AsByte() : default;
    }

    public readonly struct PslldImm : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (uint)(byte)imm < 32 ? (b.AsUInt32() << (byte)imm).AsByte() : default;
    }

    public readonly struct Psllq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => b.AsUInt64()[0] < 64 ? (a.AsUInt64() << (int)b.AsUInt64()[0]).AsByte() : default;
    }

    public readonly struct PsllqImm : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (uint)(byte)imm < 64 ? (b.AsUInt64() << (byte)imm).AsByte() : default;
    }

    public readonly struct Psrlw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => b.AsUInt64()[0] < 16 ? (a.AsUInt16() >> (int)b.AsUInt64()[0]).AsByte() : default;
    }

    public readonly struct PsrlwImm : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (uint)(byte)imm < 16 ? (b.AsUInt16() >> (byte)imm).AsByte() : default;
    }

    public readonly struct Psrld : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => b.AsUInt64()[0] < 32 ? (a.AsUInt32() >> (int)b.AsUInt64()[0]).AsByte() : default;
    }

    public readonly struct PsrldImm : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (uint)(byte)imm < 32 ? (b.AsUInt32() >> (byte)imm).AsByte() : default;
    }

    public readonly struct Psrlq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => b.AsUInt64()[0] < 64 ? (a.AsUInt64() >> (int)b.AsUInt64()[0]).AsByte() : default;
    }

    public readonly struct PsrlqImm : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (uint)(byte)imm < 64 ? (b.AsUInt64() >> (byte)imm).AsByte() : default;
    }

    public readonly struct Psraw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsInt16() >> (int)Math.Min(b.AsUInt64()[0], 15)).AsByte();
    }

    public readonly struct PsrawImm : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (b.AsInt16() >> Math.Min((byte)imm, (byte)15)).AsByte();
    }

    public readonly struct Psrad : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsInt32() >> (int)Math.Min(b.AsUInt64()[0], 31)).AsByte();
    }

    public readonly struct PsradImm : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (b.AsInt32() >> Math.Min((byte)imm, (byte)31)).AsByte();
    }

    public readonly struct Pslldq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Bytes.ShiftLeft(b, (byte)imm);
    }

    public readonly struct Psrldq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Bytes.ShiftRight(b, (byte)imm);
    }
}
