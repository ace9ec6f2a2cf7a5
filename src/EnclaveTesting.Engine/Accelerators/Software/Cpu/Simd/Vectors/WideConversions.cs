using System.Runtime.Intrinsics;
using W = System.Runtime.Intrinsics.Vector256<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Conversions between 128 and 256 bits of AVX and F16C.</summary>
internal static class WideConversions
{
    /// <summary>From the lower 128 bits to 256: the operation takes the lower half of its operand each time.</summary>
    public readonly struct Widen<T> : IWideFloatOp
        where T : struct, IFloatOp
    {
        public static W Apply(W value, ref FloatContext context)
        {
            Vector128<byte> source = value.GetLower();
            Vector128<byte> lower = T.Apply(default, source, 0, ref context);
            return Vector256.Create(lower, T.Apply(default, Bytes.ShiftRight(source, 8), 0, ref context));
        }
    }

    /// <summary>From 256 bits to 128: the operation's results are lower halves.</summary>
    public readonly struct Narrow<T> : IWideFloatOp
        where T : struct, IFloatOp
    {
        public static W Apply(W value, ref FloatContext context)
        {
            Vector128<byte> lower = T.Apply(default, value.GetLower(), 0, ref context);
            Vector128<byte> upper = T.Apply(default, value.GetUpper(), 0, ref context);
            return Vector256.Create(Vector128.Create(lower.GetLower(), upper.GetLower()), default);
        }
    }

    /// <summary>VCVTPH2PS: four numbers of the lower half.</summary>
    public readonly struct HalfToSingle : IFloatOp
    {
        public static Vector128<byte> Apply(Vector128<byte> a, Vector128<byte> b, int imm, ref FloatContext context)
        {
            Vector128<uint> result = default;
            for (int i = 0; i < 4; i++)
                result = result.WithElement(i, FloatConvert.HalfToSingle(b.AsUInt16()[i], ref context));
            return result.AsByte();
        }
    }
}
