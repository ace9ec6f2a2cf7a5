using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>
/// What an instruction does to each 128 bits of its operands, without a look at MXCSR. One such operation serves the SSE form, both VEX forms and,
/// where the lanes are the same, the MMX form (which finds its operands in the lower half).
/// </summary>
internal interface IVectorOp
{
    /// <summary>The result for the first source (the destination, without VEX), the second source and the immediate.</summary>
    static abstract V Apply(V a, V b, int imm);
}
