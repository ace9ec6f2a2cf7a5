using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>MMX instructions: the operation sees its operands in the lower half of vectors whose upper half is zero.</summary>
internal static unsafe class MmxHandlers
{
    /// <summary>mm, mm.</summary>
    public static bool Register<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsMmxReady(state))
            return SimdUnit.RefuseMmx(cpu);
        return Finish<T>(state, op->Reg, Vector128.CreateScalar(*SimdUnit.Mm(state, op->Rm)).AsByte(), (int)op->Immediate);
    }

    /// <summary>mm, memory.</summary>
    public static bool Memory<T, TOperand>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
        where TOperand : struct, IVectorOperand
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsMmxReady(state))
            return SimdUnit.RefuseMmx(cpu);
        return TOperand.TryLoad(cpu, op, out V value) && Finish<T>(state, op->Reg, value, (int)op->Immediate);
    }

    /// <summary>Shifts of mm by an immediate: the operand is in ModRM.rm.</summary>
    public static bool ShiftImmediate<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsMmxReady(state))
            return SimdUnit.RefuseMmx(cpu);
        return Finish<T>(state, op->Rm, Vector128.CreateScalar(*SimdUnit.Mm(state, op->Rm)).AsByte(), (int)op->Immediate);
    }

    private static bool Finish<T>(CpuState* state, int register, V value, int immediate)
        where T : struct, IVectorOp
    {
        V first = Vector128.CreateScalar(*SimdUnit.Mm(state, register)).AsByte();
        ulong result = T.Apply(first, value, immediate).AsUInt64()[0];
        SimdUnit.EnterMmx(state);
        SimdUnit.SetMm(state, register, result);
        return true;
    }
}
