using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Blends by the sign bits of a third register, and tests into RFLAGS, of SSE4.1 and AVX.</summary>
internal static unsafe class BlendHandlers
{
    /// <summary>Spreads the sign bit of each element over it. T is sbyte, int or long.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V SignMask<T>(V mask)
        where T : unmanaged => Vector128.LessThan(mask.As<byte, T>(), Vector128<T>.Zero).AsByte();

    /// <summary>PBLENDVB, BLENDVPS, BLENDVPD: the mask is XMM0.</summary>
    public static bool Register<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsReady(state))
            return SimdUnit.Refuse(cpu);
        Blend<T>(state, op, *SimdUnit.Xmm(state, op->Rm));
        return true;
    }

    /// <summary>The same with a source in memory.</summary>
    public static bool Memory<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsReady(state))
            return SimdUnit.Refuse(cpu);
        if (!VectorOperands.Aligned.TryLoad(cpu, op, out V value))
            return false;
        Blend<T>(state, op, value);
        return true;
    }

    /// <summary>PTEST.</summary>
    public static bool TestRegister(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsReady(state))
            return SimdUnit.Refuse(cpu);
        Test(state, *SimdUnit.Xmm(state, op->Reg), *SimdUnit.Xmm(state, op->Rm));
        return true;
    }

    /// <summary>PTEST with memory.</summary>
    public static bool TestMemory(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsReady(state))
            return SimdUnit.Refuse(cpu);
        if (!VectorOperands.Aligned.TryLoad(cpu, op, out V value))
            return false;
        Test(state, *SimdUnit.Xmm(state, op->Reg), value);
        return true;
    }

    private static void Blend<T>(CpuState* state, Op* op, V source)
        where T : unmanaged
    {
        V* target = SimdUnit.Xmm(state, op->Reg);
        *target = Vector128.ConditionalSelect(SignMask<T>(*SimdUnit.Xmm(state, 0)), source, *target);
    }

    private static void Test(CpuState* state, V a, V b)
        => ScalarConversionHandlers.SetFlags(state, ((a & b) == V.Zero ? 0x40U : 0) | ((b & ~a) == V.Zero ? 1U : 0));
}
