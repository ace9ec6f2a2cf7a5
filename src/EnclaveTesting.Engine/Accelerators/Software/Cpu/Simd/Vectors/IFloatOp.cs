using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>What a floating-point instruction does to each 128 bits of its operands, with MXCSR's rules and exceptions.</summary>
internal interface IFloatOp
{
    /// <summary>The result for the first source (the destination, without VEX), the second source and the immediate.</summary>
    static abstract V Apply(V a, V b, int imm, ref FloatContext context);
}
