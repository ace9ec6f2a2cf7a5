using W = System.Runtime.Intrinsics.Vector256<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>A conversion whose operand and result have different lengths, with MXCSR's rules and exceptions.</summary>
internal interface IWideFloatOp
{
    /// <summary>The result for an operand with zeros above what it has.</summary>
    static abstract W Apply(W value, ref FloatContext context);
}
