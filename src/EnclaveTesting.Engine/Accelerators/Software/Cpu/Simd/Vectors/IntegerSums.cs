using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Packed integer addition, subtraction, averages, minima, maxima, absolute values and signs.</summary>
internal static class IntegerSums
{
    public readonly struct Paddb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsByte() + b.AsByte()).AsByte();
    }

    public readonly struct Paddw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsUInt16() + b.AsUInt16()).AsByte();
    }

    public readonly struct Paddd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsUInt32() + b.AsUInt32()).AsByte();
    }

    public readonly struct Paddq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsUInt64() + b.AsUInt64()).AsByte();
    }

    public readonly struct Psubb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsByte() - b.AsByte()).AsByte();
    }

    public readonly struct Psubw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsUInt16() - b.AsUInt16()).AsByte();
    }

    public readonly struct Psubd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsUInt32() - b.AsUInt32()).AsByte();
    }

    public readonly struct Psubq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (a.AsUInt64() - b.AsUInt64()).AsByte();
    }

    public readonly struct Paddsb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.AddSaturate(a.AsSByte(), b.AsSByte()).AsByte();
    }

    public readonly struct Paddusb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.AddSaturate(a.AsByte(), b.AsByte()).AsByte();
    }

    public readonly struct Paddsw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.AddSaturate(a.AsInt16(), b.AsInt16()).AsByte();
    }

    public readonly struct Paddusw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.AddSaturate(a.AsUInt16(), b.AsUInt16()).AsByte();
    }

    public readonly struct Psubsb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.SubtractSaturate(a.AsSByte(), b.AsSByte()).AsByte();
    }

    public readonly struct Psubusb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.SubtractSaturate(a.AsByte(), b.AsByte()).AsByte();
    }

    public readonly struct Psubsw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.SubtractSaturate(a.AsInt16(), b.AsInt16()).AsByte();
    }

    public readonly struct Psubusw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.SubtractSaturate(a.AsUInt16(), b.AsUInt16()).AsByte();
    }

    public readonly struct Pavgb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => ((a | b).AsByte() - ((a ^ b).AsByte() >> 1)).AsByte();
    }

    public readonly struct Pavgw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => ((a | b).AsUInt16() - ((a ^ b).AsUInt16() >> 1)).AsByte();
    }

    public readonly struct Pminsb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Min(a.AsSByte(), b.AsSByte()).AsByte();
    }

    public readonly struct Pminub : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Min(a.AsByte(), b.AsByte()).AsByte();
    }

    public readonly struct Pminsw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Min(a.AsInt16(), b.AsInt16()).AsByte();
    }

    public readonly struct Pminuw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Min(a.AsUInt16(), b.AsUInt16()).AsByte();
    }

    public readonly struct Pminsd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Min(a.AsInt32(), b.AsInt32()).AsByte();
    }

    public readonly struct Pminud : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Min(a.AsUInt32(), b.AsUInt32()).AsByte();
    }

    public readonly struct Pmaxsb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Max(a.AsSByte(), b.AsSByte()).AsByte();
    }

    public readonly struct Pmaxub : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Max(a.AsByte(), b.AsByte()).AsByte();
    }

    public readonly struct Pmaxsw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Max(a.AsInt16(), b.AsInt16()).AsByte();
    }

    public readonly struct Pmaxuw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Max(a.AsUInt16(), b.AsUInt16()).AsByte();
    }

    public readonly struct Pmaxsd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Max(a.AsInt32(), b.AsInt32()).AsByte();
    }

    public readonly struct Pmaxud : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Max(a.AsUInt32(), b.AsUInt32()).AsByte();
    }

    public readonly struct Pabsb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Abs(b.AsSByte()).AsByte();
    }

    public readonly struct Pabsw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Abs(b.AsInt16()).AsByte();
    }

    public readonly struct Pabsd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Abs(b.AsInt32()).AsByte();
    }

    public readonly struct Psignb : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<sbyte> by = b.AsSByte();
            return (Vector128.ConditionalSelect(Vector128.LessThan(by, default), -a.AsSByte(), a.AsSByte()) & ~Vector128.Equals(by, default)).AsByte();
        }
    }

    public readonly struct Psignw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<short> by = b.AsInt16();
            return (Vector128.ConditionalSelect(Vector128.LessThan(by, default), -a.AsInt16(), a.AsInt16()) & ~Vector128.Equals(by, default)).AsByte();
        }
    }

    public readonly struct Psignd : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<int> by = b.AsInt32();
            return (Vector128.ConditionalSelect(Vector128.LessThan(by, default), -a.AsInt32(), a.AsInt32()) & ~Vector128.Equals(by, default)).AsByte();
        }
    }
}
