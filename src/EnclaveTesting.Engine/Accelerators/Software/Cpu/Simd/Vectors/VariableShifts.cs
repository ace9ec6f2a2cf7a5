using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Shifts and permutations of AVX and AVX2 with a count or an index for each element.</summary>
internal static class VariableShifts
{
    public readonly struct Psllvd : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<uint> result = default;
            for (int i = 0; i < 4; i++)
                result = result.WithElement(i, b.AsUInt32()[i] < 32 ? a.AsUInt32()[i] << (int)b.AsUInt32()[i] : 0);
            return result.AsByte();
        }
    }

    public readonly struct Psllvq : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<ulong> result = default;
            for (int i = 0; i < 2; i++)
                result = result.WithElement(i, b.AsUInt64()[i] < 64 ? a.AsUInt64()[i] << (int)b.AsUInt64()[i] : 0);
            return result.AsByte();
        }
    }

    public readonly struct Psrlvd : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<uint> result = default;
            for (int i = 0; i < 4; i++)
                result = result.WithElement(i, b.AsUInt32()[i] < 32 ? a.AsUInt32()[i] >> (int)b.AsUInt32()[i] : 0);
            return result.AsByte();
        }
    }

    public readonly struct Psrlvq : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<ulong> result = default;
            for (int i = 0; i < 2; i++)
                result = result.WithElement(i, b.AsUInt64()[i] < 64 ? a.AsUInt64()[i] >> (int)b.AsUInt64()[i] : 0);
            return result.AsByte();
        }
    }

    public readonly struct Psravd : IVectorOp
    {
        public static V Apply(V a, V b, int imm)
        {
            Vector128<int> result = default;
            for (int i = 0; i < 4; i++)
                result = result.WithElement(i, a.AsInt32()[i] >> (int)Math.Min(b.AsUInt32()[i], 31));
            return result.AsByte();
        }
    }

    /// <summary>VPERMILPS with indices in a register.</summary>
    public readonly struct Permilps : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Shuffle(a.AsUInt32(), b.AsUInt32() & Vector128.Create(3U)).AsByte();
    }

    /// <summary>VPERMILPD with indices in a register: in the second bit of each element.</summary>
    public readonly struct Permilpd : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Vector128.Shuffle(a.AsUInt64(), (b.AsUInt64() >> 1) & Vector128<ulong>.One).AsByte();
    }

    /// <summary>VPERMILPD with an immediate.</summary>
    public readonly struct PermilpdImm : IVectorOp
    {
        public static V Apply(V a, V b, int imm) => Shuffles.Shufpd.Apply(b, b, imm);
    }
}
