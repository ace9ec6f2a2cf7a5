using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>MMX operations whose lanes are not those of the lower half of the SSE operation.</summary>
internal static class MmxForms
{
    /// <summary>Operations whose lower half depends on the whole first operand (packing, horizontal sums): both operands side by side.</summary>
    public readonly struct Joined<T> : IVectorOp
        where T : struct, IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            V both = Vector128.Create(a.GetLower(), b.GetLower());
            return T.Apply(both, both, imm);
        }
    }

    /// <summary>Unpacking of the upper half, as unpacking of the lower half of shifted operands.</summary>
    public readonly struct Upper<T> : IVectorOp
        where T : struct, IVectorOp
    {
        public static V Apply(V a, V b, int imm) => T.Apply((a.AsUInt64() >> 32).AsByte(), (b.AsUInt64() >> 32).AsByte(), imm);
    }

    public readonly struct Pshufb : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Shuffle(a, b & Vector128.Create((byte)0x87));
    }

    public readonly struct Pshufw : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.CreateScalar(Shuffles.Words(b.AsUInt64()[0], imm)).AsByte();
    }

    public readonly struct Palignr : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Bytes.ShiftRight(Vector128.Create(b.GetLower(), a.GetLower()), (byte)imm);
    }
}
