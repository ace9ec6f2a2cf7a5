using W = System.Runtime.Intrinsics.Vector256<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>What an instruction does to 256 bits when it moves data between their halves, or when operand and result have different lengths.</summary>
internal interface IWideOp
{
    /// <summary>The result for VEX.vvvv, the second source (zeros above what it has) and the immediate.</summary>
    static abstract W Apply(W a, W b, int imm);
}
