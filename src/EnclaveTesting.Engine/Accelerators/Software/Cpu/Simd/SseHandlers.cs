using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>SSE instructions without VEX: the destination is the first source, and the bits above 127 stay.</summary>
internal static unsafe class SseHandlers
{
    /// <summary>xmm, xmm.</summary>
    public static bool Register<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsReady(state))
            return SimdUnit.Refuse(cpu);
        V* target = SimdUnit.Xmm(state, op->Reg);
        *target = T.Apply(*target, *SimdUnit.Xmm(state, op->Rm), (int)op->Immediate);
        return true;
    }

    /// <summary>xmm, memory.</summary>
    public static bool Memory<T, TOperand>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
        where TOperand : struct, IVectorOperand
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsReady(state))
            return SimdUnit.Refuse(cpu);
        if (!TOperand.TryLoad(cpu, op, out V value))
            return false;
        V* target = SimdUnit.Xmm(state, op->Reg);
        *target = T.Apply(*target, value, (int)op->Immediate);
        return true;
    }

    /// <summary>Shifts of xmm by an immediate: the operand is in ModRM.rm.</summary>
    public static bool ShiftImmediate<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsReady(state))
            return SimdUnit.Refuse(cpu);
        V* target = SimdUnit.Xmm(state, op->Rm);
        *target = T.Apply(*target, *target, (int)op->Immediate);
        return true;
    }

    /// <summary>xmm, xmm with MXCSR.</summary>
    public static bool FloatRegister<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IFloatOp
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsReady(state))
            return SimdUnit.Refuse(cpu);
        V* target = SimdUnit.Xmm(state, op->Reg);
        var context = new FloatContext(state->Mxcsr);
        V result = T.Apply(*target, *SimdUnit.Xmm(state, op->Rm), (int)op->Immediate, ref context);
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        *target = result;
        return true;
    }

    /// <summary>xmm, memory with MXCSR.</summary>
    public static bool FloatMemory<T, TOperand>(SoftwareCpu cpu, Op* op)
        where T : struct, IFloatOp
        where TOperand : struct, IVectorOperand
    {
        CpuState* state = cpu.State;
        if (!SimdUnit.IsReady(state))
            return SimdUnit.Refuse(cpu);
        if (!TOperand.TryLoad(cpu, op, out V value))
            return false;
        V* target = SimdUnit.Xmm(state, op->Reg);
        var context = new FloatContext(state->Mxcsr);
        V result = T.Apply(*target, value, (int)op->Immediate, ref context);
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        *target = result;
        return true;
    }
}
