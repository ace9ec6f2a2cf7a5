using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>PUSH, POP, PUSHA, POPA, PUSHF, POPF, ENTER, LEAVE.</summary>
internal static unsafe class Stack
{
    private const int Sp = 4, Bp = 5;

    public static void Register(OpTable table)
    {
        table.Add(Code.Push_r64, &Push64);
        table.Add(Code.Pop_r64, &Pop64);
        table.Add(Code.Push_r32, &PushReg<uint>);
        table.Add(Code.Pop_r32, &PopReg<uint>);
        table.Add(Code.Push_r16, &PushReg<ushort>);
        table.Add(Code.Pop_r16, &PopReg<ushort>);
        table.Add(Code.Push_rm64, &Push64, &PushMem<ulong>);
        table.Add(Code.Push_rm32, &PushReg<uint>, &PushMem<uint>);
        table.Add(Code.Push_rm16, &PushReg<ushort>, &PushMem<ushort>);
        table.Add(Code.Pop_rm64, &Pop64, &PopMem<ulong>);
        table.Add(Code.Pop_rm32, &PopReg<uint>, &PopMem<uint>);
        table.Add(Code.Pop_rm16, &PopReg<ushort>, &PopMem<ushort>);
        table.Add(Code.Pushq_imm8, &PushImm<ulong>);
        table.Add(Code.Pushq_imm32, &PushImm<ulong>);
        table.Add(Code.Pushd_imm8, &PushImm<uint>);
        table.Add(Code.Pushd_imm32, &PushImm<uint>);
        table.Add(Code.Pushw_imm8, &PushImm<ushort>);
        table.Add(Code.Push_imm16, &PushImm<ushort>);
        table.Add(Code.Pushaw, &PushAll<ushort>);
        table.Add(Code.Pushad, &PushAll<uint>);
        table.Add(Code.Popaw, &PopAll<ushort>);
        table.Add(Code.Popad, &PopAll<uint>);
        table.Add(Code.Pushfq, &PushFlags<ulong>);
        table.Add(Code.Pushfd, &PushFlags<uint>);
        table.Add(Code.Pushfw, &PushFlags<ushort>);
        table.AddLast(Code.Popfq, &PopFlags<ulong>);
        table.AddLast(Code.Popfd, &PopFlags<uint>);
        table.AddLast(Code.Popfw, &PopFlags<ushort>);
        table.Add(Code.Leaveq, &Leave<ulong>);
        table.Add(Code.Leaved, &Leave<uint>);
        table.Add(Code.Leavew, &Leave<ushort>);
        table.Add(Code.Enterq_imm16_imm8, &Enter<ulong>);
        table.Add(Code.Enterd_imm16_imm8, &Enter<uint>);
        table.Add(Code.Enterw_imm16_imm8, &Enter<ushort>);
    }

    [MethodImpl(Jit.Hot)]
    public static bool Push64(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        ulong sp = state->Gpr[Sp] - 8;
        if (!cpu.TryStore(sp, state->Gpr[op->Rm]))
            return cpu.BlameStack(sp);
        state->Gpr[Sp] = sp;
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool Pop64(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        ulong sp = state->Gpr[Sp];
        if (!cpu.TryLoad(sp, out ulong value))
            return cpu.BlameStack(sp);
        state->Gpr[Sp] = sp + 8;
        state->Gpr[op->Rm] = value;
        return true;
    }

    public static bool PushReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Push(cpu, Width.Get<T>(cpu.State, op->Rm));

    public static bool PopReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        ulong sp = cpu.State->Gpr[Sp];
        if (!cpu.TryPopAt(ref sp, out T value))
            return false;
        cpu.State->Gpr[Sp] = sp;
        Width.Set(cpu.State, op->Rm, value);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool PushMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && Push(cpu, value);

    /// <summary>An address by RSP counts from the RSP after the pop.</summary>
    public static bool PopMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        ulong old = state->Gpr[Sp], sp = old;
        if (!cpu.TryPopAt(ref sp, out T value))
            return false;
        state->Gpr[Sp] = sp;
        if (cpu.TryStore(cpu.Address(op), value))
            return true;
        state->Gpr[Sp] = old;
        return false;
    }

    [MethodImpl(Jit.Hot)]
    public static bool PushImm<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Push(cpu, Width.Truncate<T>((ulong)op->Immediate));

    public static bool PushAll<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        ulong sp = state->Gpr[Sp];
        for (int register = 0; register < 8; register++)
        {
            if (!cpu.TryPushAt(ref sp, Width.Get<T>(state, register)))
                return false;
        }

        state->Gpr[Sp] = sp;
        return true;
    }

    public static bool PopAll<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        ulong sp = state->Gpr[Sp];
        T* values = stackalloc T[8];
        for (int register = 7; register >= 0; register--)
        {
            if (!cpu.TryPopAt(ref sp, out values[register]))
                return false;
        }

        for (int register = 0; register < 8; register++)
        {
            if (register != Sp)
                Width.Set(state, register, values[register]);
        }

        state->Gpr[Sp] = sp;
        return true;
    }

    public static bool PushFlags<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Push(cpu, Width.Truncate<T>(cpu.State->GetFlags() & ~(CpuState.Vm | CpuState.Rf)));

    public static bool PopFlags<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        ulong sp = state->Gpr[Sp];
        if (!cpu.TryPopAt(ref sp, out T flags))
            return false;
        state->Gpr[Sp] = sp;
        bool real = (state->Cr0 & ControlBits.Cr0Pe) == 0;
        cpu.ReturnFlags(Width.ZeroExtend(flags), sizeof(T), real ? 0 : state->Cpl);
        cpu.Advance(op);
        cpu.UpdateMode();
        cpu.LookForInterrupts();
        return cpu.EndJump();
    }

    [MethodImpl(Jit.Hot)]
    public static bool Leave<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        ulong sp = cpu.StackPointerFrom(state->Gpr[Bp]);
        if (!cpu.TryPopAt(ref sp, out T frame))
            return false;
        state->Gpr[Sp] = sp;
        Width.Set(state, Bp, frame);
        return true;
    }

    public static bool Enter<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        int level = (int)(op->Immediate >> 16) & 31;
        ulong sp = state->Gpr[Sp];
        if (!cpu.TryPushAt(ref sp, Width.Get<T>(state, Bp)))
            return false;
        ulong frame = sp;
        ulong from = cpu.StackPointerFrom(state->Gpr[Bp]);
        for (int i = 1; i < level; i++)
        {
            from = cpu.StepStack(from, -sizeof(T), out _);
            ulong probe = from;
            if (!cpu.TryPopAt(ref probe, out T pointer) || !cpu.TryPushAt(ref sp, pointer))
                return false;
        }

        if (level > 0 && !cpu.TryPushAt(ref sp, Width.Truncate<T>(frame)))
            return false;
        state->Gpr[Sp] = cpu.StepStack(sp, -(ushort)op->Immediate, out _);
        Width.Set(state, Bp, Width.Truncate<T>(frame));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Push<T>(SoftwareCpu cpu, T value)
        where T : unmanaged
    {
        ulong sp = cpu.State->Gpr[Sp];
        if (!cpu.TryPushAt(ref sp, value))
            return false;
        cpu.State->Gpr[Sp] = sp;
        return true;
    }
}
