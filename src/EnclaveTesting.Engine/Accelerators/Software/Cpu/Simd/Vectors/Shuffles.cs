using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Unpacking, packing, shuffling, aligning and blending within 128 bits.</summary>
internal static class Shuffles
{
    public readonly struct Punpcklbw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (Vector128.WidenLower(a.AsByte()) | (Vector128.WidenLower(b.AsByte()) << 8)).AsByte();
    }

    public readonly struct Punpcklwd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (Vector128.WidenLower(a.AsUInt16()) | (Vector128.WidenLower(b.AsUInt16()) << 16)).AsByte();
    }

    public readonly struct Punpckldq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (Vector128.WidenLower(a.AsUInt32()) | (Vector128.WidenLower(b.AsUInt32()) << 32)).AsByte();
    }

    public readonly struct Punpckhbw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (Vector128.WidenUpper(a.AsByte()) | (Vector128.WidenUpper(b.AsByte()) << 8)).AsByte();
    }

    public readonly struct Punpckhwd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (Vector128.WidenUpper(a.AsUInt16()) | (Vector128.WidenUpper(b.AsUInt16()) << 16)).AsByte();
    }

    public readonly struct Punpckhdq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => (Vector128.WidenUpper(a.AsUInt32()) | (Vector128.WidenUpper(b.AsUInt32()) << 32)).AsByte();
    }

    public readonly struct Punpcklqdq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Create(a.GetLower(), b.GetLower());
    }

    public readonly struct Punpckhqdq : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Create(a.GetUpper(), b.GetUpper());
    }

    public readonly struct Packsswb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.NarrowWithSaturation(a.AsInt16(), b.AsInt16()).AsByte();
    }

    public readonly struct Packssdw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.NarrowWithSaturation(a.AsInt32(), b.AsInt32()).AsByte();
    }

    public readonly struct Packuswb : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<short> limit = Vector128.Create((short)0xFF);
            return Vector128.Narrow(
                Vector128.Min(Vector128.Max(a.AsInt16(), default), limit).AsUInt16(),
                Vector128.Min(Vector128.Max(b.AsInt16(), default), limit).AsUInt16());
        }
    }

    public readonly struct Packusdw : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<int> limit = Vector128.Create(0xFFFF);
            return Vector128.Narrow(
                Vector128.Min(Vector128.Max(a.AsInt32(), default), limit).AsUInt32(),
                Vector128.Min(Vector128.Max(b.AsInt32(), default), limit).AsUInt32()).AsByte();
        }
    }

    public readonly struct Pshufb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Shuffle(a, b & Vector128.Create((byte)0x8F));
    }

    public readonly struct Pshufd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Shuffle(b.AsUInt32(), Vector128.Create((uint)imm & 3, ((uint)imm >> 2) & 3, ((uint)imm >> 4) & 3, ((uint)imm >> 6) & 3)).AsByte();
    }

    public readonly struct Pshuflw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Create(Words(b.AsUInt64()[0], imm), b.AsUInt64()[1]).AsByte();
    }

    public readonly struct Pshufhw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Create(b.AsUInt64()[0], Words(b.AsUInt64()[1], imm)).AsByte();
    }

    public readonly struct Shufps : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<uint> x = a.AsUInt32();
            Vector128<uint> y = b.AsUInt32();
            return Vector128.Create(x[imm & 3], x[(imm >> 2) & 3], y[(imm >> 4) & 3], y[(imm >> 6) & 3]).AsByte();
        }
    }

    public readonly struct Shufpd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Create(a.AsUInt64()[imm & 1], b.AsUInt64()[(imm >> 1) & 1]).AsByte();
    }

    public readonly struct Blendpd : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
            => Vector128.Create(((imm & 1) != 0 ? b : a).AsUInt64()[0], ((imm & 2) != 0 ? b : a).AsUInt64()[1]).AsByte();
    }

    public readonly struct Palignr : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            int count = (byte)imm;
            return count < 16 ? Bytes.ShiftRight(b, count) | Bytes.ShiftLeft(a, 16 - count) : Bytes.ShiftRight(a, count - 16);
        }
    }

    public readonly struct Movddup : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Create(b.GetLower(), b.GetLower());
    }

    public readonly struct Movsldup : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Shuffle(b.AsUInt32(), Vector128.Create(0U, 0, 2, 2)).AsByte();
    }

    public readonly struct Movshdup : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Shuffle(b.AsUInt32(), Vector128.Create(1U, 1, 3, 3)).AsByte();
    }

    public readonly struct Blendps : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.ConditionalSelect(Masks(imm & 0xF).AsByte(), b, a);
    }

    public readonly struct Pblendw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.ConditionalSelect(WordMasks(imm & 0xFF).AsByte(), b, a);
    }

    // With a register as the source; with memory the source is the value itself, at every place.
    public readonly struct Insertps : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            uint value = b.AsUInt32()[(imm >> 6) & 3];
            return Vector128.AndNot(a.AsUInt32().WithElement((imm >> 4) & 3, value), Masks(imm & 0xF)).AsByte();
        }
    }

    public readonly struct InsertpsMemory : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Insertps.Apply(a, Vector128.Create(b.AsUInt32()[0]).AsByte(), imm);
    }

    /// <summary>Words of a quadword chosen by an immediate.</summary>
    public static ulong Words(ulong source, int imm)
    {
        ulong result = 0;
        for (int i = 0; i < 4; i++)
            result |= ((source >> (((imm >> (2 * i)) & 3) * 16)) & 0xFFFF) << (16 * i);
        return result;
    }

    /// <summary>All ones in every doubleword whose bit is set.</summary>
    public static Vector128<uint> Masks(int bits)
    {
        Vector128<uint> each = Vector128.Create(1U, 2, 4, 8);
        return Vector128.Equals(Vector128.Create((uint)bits) & each, each);
    }

    private static Vector128<ushort> WordMasks(int bits)
    {
        Vector128<ushort> each = Vector128.Create((ushort)1, 2, 4, 8, 16, 32, 64, 128);
        return Vector128.Equals(Vector128.Create((ushort)bits) & each, each);
    }
}
