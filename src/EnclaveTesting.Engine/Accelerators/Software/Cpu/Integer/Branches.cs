using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>Jcc, JMP, CALL, RET, LOOPcc and JrCXZ.</summary>
internal static unsafe class Branches
{
    public static void Register(OpTable table)
    {
        AddConditional<IfOverflow>(table, Code.Jo_rel8_16, Code.Jo_rel16);
        AddConditional<IfBelow>(table, Code.Jb_rel8_16, Code.Jb_rel16);
        AddConditional<IfEqual>(table, Code.Je_rel8_16, Code.Je_rel16);
        AddConditional<IfBelowOrEqual>(table, Code.Jbe_rel8_16, Code.Jbe_rel16);
        AddConditional<IfSign>(table, Code.Js_rel8_16, Code.Js_rel16);
        AddConditional<IfParity>(table, Code.Jp_rel8_16, Code.Jp_rel16);
        AddConditional<IfLess>(table, Code.Jl_rel8_16, Code.Jl_rel16);
        AddConditional<IfLessOrEqual>(table, Code.Jle_rel8_16, Code.Jle_rel16);
        AddNear(table, Code.Jmp_rel8_16, &JumpNarrow<ushort>, &JumpNarrow<uint>, &Jump);
        AddNear(table, Code.Jmp_rel16, &JumpNarrow<ushort>, &JumpNarrow<uint>, &Jump);
        AddNear(table, Code.Call_rel16, &CallNarrow<ushort>, &CallNarrow<uint>, &Call);
        table.Add(Code.Jmp_rm64, &JumpReg, &JumpMem);
        table.Add(Code.Jmp_rm32, &JumpRegNarrow<uint>, &JumpMemNarrow<uint>);
        table.Add(Code.Jmp_rm16, &JumpRegNarrow<ushort>, &JumpMemNarrow<ushort>);
        table.Add(Code.Call_rm64, &CallReg, &CallMem);
        table.Add(Code.Call_rm32, &CallRegNarrow<uint>, &CallMemNarrow<uint>);
        table.Add(Code.Call_rm16, &CallRegNarrow<ushort>, &CallMemNarrow<ushort>);
        table.Add(Code.Retnq, &Return);
        table.Add(Code.Retnq_imm16, &Return);
        table.Add(Code.Retnd, &ReturnNarrow<uint>);
        table.Add(Code.Retnd_imm16, &ReturnNarrow<uint>);
        table.Add(Code.Retnw, &ReturnNarrow<ushort>);
        table.Add(Code.Retnw_imm16, &ReturnNarrow<ushort>);
        AddLoop(table, Code.Loop_rel8_16_CX, &Loop<ushort, Always>, &Loop<uint, Always>, &Loop<ulong, Always>);
        AddLoop(table, Code.Loope_rel8_16_CX, &Loop<ushort, IfEqual>, &Loop<uint, IfEqual>, &Loop<ulong, IfEqual>);
        AddLoop(table, Code.Loopne_rel8_16_CX, &Loop<ushort, Not<IfEqual>>, &Loop<uint, Not<IfEqual>>, &Loop<ulong, Not<IfEqual>>);
        table.Add(Code.Jcxz_rel8_16, &JumpIfZeroCount<ushort>);
        table.Add(Code.Jcxz_rel8_32, &JumpIfZeroCount<ushort>);
        table.Add(Code.Jecxz_rel8_16, &JumpIfZeroCount<uint>);
        table.Add(Code.Jecxz_rel8_32, &JumpIfZeroCount<uint>);
        table.Add(Code.Jecxz_rel8_64, &JumpIfZeroCount<uint>);
        table.Add(Code.Jrcxz_rel8_16, &JumpIfZeroCount<ulong>);
        table.Add(Code.Jrcxz_rel8_64, &JumpIfZeroCount<ulong>);
    }

    [MethodImpl(Jit.Hot)]
    public static bool JumpIf<TCondition>(SoftwareCpu cpu, Op* op)
        where TCondition : struct, ICondition
    {
        CpuState* state = cpu.State;
        if (TCondition.Test(state))
        {
            state->Rip += (ulong)op->Immediate;
            return cpu.EndLinked(op, 0);
        }

        state->Rip += (ulong)op->Displacement;
        return cpu.EndLinked(op, 1);
    }

    [MethodImpl(Jit.Hot)]
    public static bool JumpIfNarrow<TCondition, T>(SoftwareCpu cpu, Op* op)
        where TCondition : struct, ICondition
        where T : unmanaged => TCondition.Test(cpu.State) ? TakeNarrow<T>(cpu, op) : SkipNarrow(cpu, op);

    [MethodImpl(Jit.Hot)]
    public static bool Jump(SoftwareCpu cpu, Op* op)
    {
        cpu.State->Rip += (ulong)op->Immediate;
        return cpu.EndLinked(op, 0);
    }

    public static bool JumpNarrow<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => TakeNarrow<T>(cpu, op);

    [MethodImpl(Jit.Hot)]
    public static bool JumpReg(SoftwareCpu cpu, Op* op)
    {
        cpu.State->Rip = cpu.State->Gpr[op->Rm];
        return cpu.EndIndirect();
    }

    [MethodImpl(Jit.Hot)]
    public static bool JumpMem(SoftwareCpu cpu, Op* op)
    {
        if (!cpu.TryLoad(cpu.Address(op), out ulong target))
            return false;
        cpu.State->Rip = target;
        return cpu.EndIndirect();
    }

    public static bool JumpRegNarrow<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => GoTo(cpu, Width.ZeroExtend(Width.Get<T>(cpu.State, op->Rm)));

    public static bool JumpMemNarrow<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T target) && GoTo(cpu, Width.ZeroExtend(target));

    [MethodImpl(Jit.Hot)]
    public static bool Call(SoftwareCpu cpu, Op* op)
    {
        if (!Push(cpu, cpu.State->Rip + (ulong)op->Displacement))
            return false;
        cpu.State->Rip += (ulong)op->Immediate;
        return cpu.EndLinked(op, 0);
    }

    [MethodImpl(Jit.Hot)]
    public static bool CallReg(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        ulong target = state->Gpr[op->Rm];
        if (!Push(cpu, state->Rip + op->Offset + op->Length))
            return false;
        state->Rip = target;
        return cpu.EndIndirect();
    }

    [MethodImpl(Jit.Hot)]
    public static bool CallMem(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        if (!cpu.TryLoad(cpu.Address(op), out ulong target) || !Push(cpu, state->Rip + op->Offset + op->Length))
            return false;
        state->Rip = target;
        return cpu.EndIndirect();
    }

    public static bool CallNarrow<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => CallTo<T>(cpu, op, Width.ZeroExtend(Width.Truncate<T>(cpu.State->Rip + (ulong)op->Immediate)));

    public static bool CallRegNarrow<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => CallTo<T>(cpu, op, Width.ZeroExtend(Width.Get<T>(cpu.State, op->Rm)));

    public static bool CallMemNarrow<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T target) && CallTo<T>(cpu, op, Width.ZeroExtend(target));

    [MethodImpl(Jit.Hot)]
    public static bool Return(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        ulong sp = state->Gpr[4];
        if (!cpu.TryLoad(sp, out ulong target))
            return cpu.BlameStack(sp);
        state->Gpr[4] = sp + 8 + (ulong)op->Immediate;
        state->Rip = target;
        return cpu.EndIndirect();
    }

    public static bool ReturnNarrow<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        ulong sp = cpu.State->Gpr[4];
        if (!cpu.TryPopAt(ref sp, out T target))
            return false;
        if (Width.ZeroExtend(target) > cpu.State->SegmentLimit[CpuState.Cs])
            return cpu.RaiseGeneralProtection();
        cpu.State->Gpr[4] = cpu.StepStack(sp, (ushort)op->Immediate, out _);
        return GoTo(cpu, Width.ZeroExtend(target));
    }

    public static bool Loop<TCount, TCondition>(SoftwareCpu cpu, Op* op)
        where TCount : unmanaged
        where TCondition : struct, ICondition
    {
        CpuState* state = cpu.State;
        TCount count = Width.Truncate<TCount>(state->Gpr[1] - 1);
        bool taken = Width.ZeroExtend(count) != 0 && TCondition.Test(state);
        ulong target = state->Rip + (ulong)op->Immediate;
        if (taken && !Fits(cpu, op, ref target))
            return cpu.RaiseGeneralProtection();
        Width.Set(state, 1, count);
        if (!taken)
            return SkipNarrow(cpu, op);
        state->Rip = target;
        return cpu.EndLinked(op, 0);
    }

    public static bool JumpIfZeroCount<TCount>(SoftwareCpu cpu, Op* op)
        where TCount : unmanaged
    {
        CpuState* state = cpu.State;
        if (Width.ZeroExtend(Width.Get<TCount>(state, 1)) != 0 || sizeof(TCount) == 1)
            return SkipNarrow(cpu, op);
        ulong target = state->Rip + (ulong)op->Immediate;
        if (!Fits(cpu, op, ref target))
            return cpu.RaiseGeneralProtection();
        state->Rip = target;
        return cpu.EndLinked(op, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Push(SoftwareCpu cpu, ulong value)
    {
        CpuState* state = cpu.State;
        ulong sp = state->Gpr[4] - 8;
        if (!cpu.TryStore(sp, value))
            return cpu.BlameStack(sp);
        state->Gpr[4] = sp;
        return true;
    }

    /// <summary>The target of a LOOP in the width of the code segment, and whether it is inside the segment.</summary>
    private static bool Fits(SoftwareCpu cpu, Op* op, ref ulong target)
    {
        _ = op;
        target = cpu.Wrap(target);
        return (cpu.Mode & CpuMode.CodeSize) == CpuMode.Code64 || target <= cpu.State->SegmentLimit[CpuState.Cs];
    }

    private static bool TakeNarrow<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        ulong target = Width.ZeroExtend(Width.Truncate<T>(cpu.State->Rip + (ulong)op->Immediate));
        if (target > cpu.State->SegmentLimit[CpuState.Cs])
            return cpu.RaiseGeneralProtection();
        cpu.State->Rip = target;
        return cpu.EndLinked(op, 0);
    }

    private static bool SkipNarrow(SoftwareCpu cpu, Op* op)
    {
        cpu.State->Rip = cpu.Wrap(cpu.State->Rip + (ulong)op->Displacement);
        return cpu.EndLinked(op, 1);
    }

    private static bool GoTo(SoftwareCpu cpu, ulong target)
    {
        if (target > cpu.State->SegmentLimit[CpuState.Cs])
            return cpu.RaiseGeneralProtection();
        cpu.State->Rip = target;
        return cpu.EndJump();
    }

    private static bool CallTo<T>(SoftwareCpu cpu, Op* op, ulong target)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (target > state->SegmentLimit[CpuState.Cs])
            return cpu.RaiseGeneralProtection();
        ulong sp = state->Gpr[4];
        if (!cpu.TryPushAt(ref sp, Width.Truncate<T>(state->Rip + op->Offset + op->Length)))
            return false;
        state->Gpr[4] = sp;
        state->Rip = target;
        return cpu.EndJump();
    }

    private static void AddConditional<TCondition>(OpTable table, Code near, Code wide)
        where TCondition : struct, ICondition
    {
        AddNear(table, near, &JumpIfNarrow<TCondition, ushort>, &JumpIfNarrow<TCondition, uint>, &JumpIf<TCondition>);
        AddNear(table, wide, &JumpIfNarrow<TCondition, ushort>, &JumpIfNarrow<TCondition, uint>, &JumpIf<TCondition>);

        // The opposite condition follows.
        AddNear(table, near + 3, &JumpIfNarrow<Not<TCondition>, ushort>, &JumpIfNarrow<Not<TCondition>, uint>, &JumpIf<Not<TCondition>>);
        AddNear(table, wide + 3, &JumpIfNarrow<Not<TCondition>, ushort>, &JumpIfNarrow<Not<TCondition>, uint>, &JumpIf<Not<TCondition>>);
    }

    private static void AddNear(
        OpTable table,
        Code first,
        delegate* managed<SoftwareCpu, Op*, bool> narrow,
        delegate* managed<SoftwareCpu, Op*, bool> middle,
        delegate* managed<SoftwareCpu, Op*, bool> wide)
    {
        table.Add(first, narrow);
        table.Add(first + 1, middle);
        table.Add(first + 2, wide);
    }

    /// <summary>Seven codes: CX with 16 and 32 bits of IP, ECX with 16, 32 and 64, RCX with 16 and 64.</summary>
    private static void AddLoop(
        OpTable table,
        Code first,
        delegate* managed<SoftwareCpu, Op*, bool> cx,
        delegate* managed<SoftwareCpu, Op*, bool> ecx,
        delegate* managed<SoftwareCpu, Op*, bool> rcx)
    {
        table.Add(first, cx);
        table.Add(first + 1, cx);
        table.Add(first + 2, ecx);
        table.Add(first + 3, ecx);
        table.Add(first + 4, ecx);
        table.Add(first + 5, rcx);
        table.Add(first + 6, rcx);
    }

    private readonly struct Always : ICondition
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static bool Test(CpuState* state) => true;
    }
}
