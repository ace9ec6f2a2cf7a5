using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>
/// VEX-encoded instructions: a destination of its own; the bits above the result become zero. 256 bits are two times 128. Whether they may run the
/// decoder has checked (<see cref="OpGroup.Avx"/>).
/// </summary>
internal static unsafe class VexHandlers
{
    /// <summary>xmm, xmm, xmm.</summary>
    public static bool Register128<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        Store(state, op->Reg, T.Apply(*SimdUnit.Xmm(state, op->Vvvv), *SimdUnit.Xmm(state, op->Rm), (int)op->Immediate), default);
        return true;
    }

    /// <summary>xmm, xmm, memory.</summary>
    public static bool Memory128<T, TOperand>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
        where TOperand : struct, IVectorOperand
    {
        CpuState* state = cpu.State;
        if (!TOperand.TryLoad(cpu, op, out V value))
            return false;
        Store(state, op->Reg, T.Apply(*SimdUnit.Xmm(state, op->Vvvv), value, (int)op->Immediate), default);
        return true;
    }

    /// <summary>ymm, ymm, ymm. The upper half has an operation of its own where it reads other bits of the immediate.</summary>
    public static bool Register256<T, TUpper>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
        where TUpper : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        V* a = SimdUnit.Xmm(state, op->Vvvv);
        V* b = SimdUnit.Xmm(state, op->Rm);
        V upper = TUpper.Apply(a[1], b[1], (int)op->Immediate);
        Store(state, op->Reg, T.Apply(a[0], b[0], (int)op->Immediate), upper);
        return true;
    }

    /// <summary>ymm, ymm, memory.</summary>
    public static bool Memory256<T, TUpper>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
        where TUpper : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        if (!TryLoad256(cpu, op, out V lower, out V upper))
            return false;
        V* a = SimdUnit.Xmm(state, op->Vvvv);
        upper = TUpper.Apply(a[1], upper, (int)op->Immediate);
        Store(state, op->Reg, T.Apply(a[0], lower, (int)op->Immediate), upper);
        return true;
    }

    /// <summary>ymm, ymm, xmm: both halves are shifted by the same count.</summary>
    public static bool ShiftRegister256<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        V* a = SimdUnit.Xmm(state, op->Vvvv);
        V count = *SimdUnit.Xmm(state, op->Rm);
        Store(state, op->Reg, T.Apply(a[0], count, 0), T.Apply(a[1], count, 0));
        return true;
    }

    /// <summary>ymm, ymm, memory of 16 bytes: both halves are shifted by the same count.</summary>
    public static bool ShiftMemory256<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        if (!VectorOperands.Any.TryLoad(cpu, op, out V count))
            return false;
        V* a = SimdUnit.Xmm(state, op->Vvvv);
        Store(state, op->Reg, T.Apply(a[0], count, 0), T.Apply(a[1], count, 0));
        return true;
    }

    /// <summary>Shifts of xmm by an immediate: the destination is in VEX.vvvv.</summary>
    public static bool ShiftImmediate128<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        V* a = SimdUnit.Xmm(state, op->Rm);
        Store(state, op->Vvvv, T.Apply(a[0], a[0], (int)op->Immediate), default);
        return true;
    }

    /// <summary>Shifts of ymm by an immediate: the destination is in VEX.vvvv.</summary>
    public static bool ShiftImmediate256<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IVectorOp
    {
        CpuState* state = cpu.State;
        V* a = SimdUnit.Xmm(state, op->Rm);
        Store(state, op->Vvvv, T.Apply(a[0], a[0], (int)op->Immediate), T.Apply(a[1], a[1], (int)op->Immediate));
        return true;
    }

    /// <summary>xmm, xmm, xmm with MXCSR.</summary>
    public static bool FloatRegister128<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IFloatOp
    {
        CpuState* state = cpu.State;
        var context = new FloatContext(state->Mxcsr);
        V result = T.Apply(*SimdUnit.Xmm(state, op->Vvvv), *SimdUnit.Xmm(state, op->Rm), (int)op->Immediate, ref context);
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        Store(state, op->Reg, result, default);
        return true;
    }

    /// <summary>xmm, xmm, memory with MXCSR.</summary>
    public static bool FloatMemory128<T, TOperand>(SoftwareCpu cpu, Op* op)
        where T : struct, IFloatOp
        where TOperand : struct, IVectorOperand
    {
        CpuState* state = cpu.State;
        if (!TOperand.TryLoad(cpu, op, out V value))
            return false;
        var context = new FloatContext(state->Mxcsr);
        V result = T.Apply(*SimdUnit.Xmm(state, op->Vvvv), value, (int)op->Immediate, ref context);
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        Store(state, op->Reg, result, default);
        return true;
    }

    /// <summary>ymm, ymm, ymm with MXCSR.</summary>
    public static bool FloatRegister256<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IFloatOp
    {
        CpuState* state = cpu.State;
        V* b = SimdUnit.Xmm(state, op->Rm);
        return Float256<T>(cpu, op, b[0], b[1]);
    }

    /// <summary>ymm, ymm, memory with MXCSR.</summary>
    public static bool FloatMemory256<T>(SoftwareCpu cpu, Op* op)
        where T : struct, IFloatOp
    {
        return TryLoad256(cpu, op, out V lower, out V upper) && Float256<T>(cpu, op, lower, upper);
    }

    /// <summary>Sets a register; what is above becomes zero.</summary>
    public static void Store(CpuState* state, int register, V lower, V upper)
    {
        V* target = SimdUnit.Xmm(state, register);
        target[0] = lower;
        target[1] = upper;
    }

    /// <summary>32 bytes anywhere.</summary>
    public static bool TryLoad256(SoftwareCpu cpu, Op* op, out V lower, out V upper)
    {
        bool loaded = cpu.TryLoad256(cpu.Address(op), out System.Runtime.Intrinsics.Vector256<byte> value);
        lower = System.Runtime.Intrinsics.Vector256.GetLower(value);
        upper = System.Runtime.Intrinsics.Vector256.GetUpper(value);
        return loaded;
    }

    private static bool Float256<T>(SoftwareCpu cpu, Op* op, V lower, V upper)
        where T : struct, IFloatOp
    {
        CpuState* state = cpu.State;
        V* a = SimdUnit.Xmm(state, op->Vvvv);
        var context = new FloatContext(state->Mxcsr);
        lower = T.Apply(a[0], lower, (int)op->Immediate, ref context);
        upper = T.Apply(a[1], upper, (int)op->Immediate, ref context);
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        Store(state, op->Reg, lower, upper);
        return true;
    }
}
