using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Conversions between MMX integers and XMM floating-point numbers.</summary>
internal static unsafe class MmxConversions
{
    /// <summary>xmm from mm.</summary>
    public static bool ToXmm<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IFloatOp
    {
        if (!MmxMoves.CheckBoth(cpu))
            return false;
        if (!Convert<T>(cpu, op, Vector128.CreateScalar(*SimdUnit.Mm(cpu.State, op->Rm)).AsByte(), out V result))
            return false;
        SimdUnit.EnterMmx(cpu.State);
        *SimdUnit.Xmm(cpu.State, op->Reg) = result;
        return true;
    }

    /// <summary>xmm from memory; CVTPI2PS counts as an MMX instruction even then (SDM vol. 2, CVTPI2PS).</summary>
    public static bool ToXmmFromMemory<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IFloatOp
    {
        if (!MmxMoves.CheckBoth(cpu) || !VectorOperands.Quadword.TryLoad(cpu, op, out V value))
            return false;
        if (!Convert<T>(cpu, op, value, out V result))
            return false;
        *SimdUnit.Xmm(cpu.State, op->Reg) = result;
        return true;
    }

    /// <summary>mm from xmm.</summary>
    public static bool FromXmm<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IFloatOp
        => MmxMoves.CheckBoth(cpu) && Finish<T>(cpu, op, *SimdUnit.Xmm(cpu.State, op->Rm));

    /// <summary>mm from memory.</summary>
    public static bool FromMemory<T, TOperand>(SoftwareCpu cpu, Op* op)
        where T : struct, IFloatOp
        where TOperand : struct, IVectorOperand
        => MmxMoves.CheckBoth(cpu) && TOperand.TryLoad(cpu, op, out V value) && Finish<T>(cpu, op, value);

    private static bool Finish<T>(SoftwareCpu cpu, Op* op, V value)
        where T : struct, IFloatOp
    {
        if (!Convert<T>(cpu, op, value, out V result))
            return false;
        SimdUnit.EnterMmx(cpu.State);
        SimdUnit.SetMm(cpu.State, op->Reg, result.AsUInt64()[0]);
        return true;
    }

    private static bool Convert<T>(SoftwareCpu cpu, Op* op, V value, out V result)
        where T : struct, IFloatOp
    {
        var context = new FloatContext(cpu.State->Mxcsr);
        result = T.Apply(*SimdUnit.Xmm(cpu.State, op->Reg & 15), value, 0, ref context);
        return SimdUnit.Commit(cpu, in context);
    }
}
