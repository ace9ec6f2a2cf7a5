using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>ADD, OR, ADC, SBB, AND, SUB, XOR, CMP and TEST in all their forms.</summary>
internal static unsafe class Alu
{
    public static void Register(OpTable table)
    {
        Add<Add>(table, Code.Add_rm8_r8);
        Add<Or>(table, Code.Or_rm8_r8);
        Add<AddWithCarry>(table, Code.Adc_rm8_r8);
        Add<SubtractWithBorrow>(table, Code.Sbb_rm8_r8);
        Add<And>(table, Code.And_rm8_r8);
        Add<Subtract>(table, Code.Sub_rm8_r8);
        Add<ExclusiveOr>(table, Code.Xor_rm8_r8);
        Add<Compare>(table, Code.Cmp_rm8_r8);
        AddGroup<Add>(table, Code.Add_rm8_imm8, Code.Add_rm8_imm8_82, Code.Add_rm16_imm16, Code.Add_rm16_imm8);
        AddGroup<Or>(table, Code.Or_rm8_imm8, Code.Or_rm8_imm8_82, Code.Or_rm16_imm16, Code.Or_rm16_imm8);
        AddGroup<AddWithCarry>(table, Code.Adc_rm8_imm8, Code.Adc_rm8_imm8_82, Code.Adc_rm16_imm16, Code.Adc_rm16_imm8);
        AddGroup<SubtractWithBorrow>(table, Code.Sbb_rm8_imm8, Code.Sbb_rm8_imm8_82, Code.Sbb_rm16_imm16, Code.Sbb_rm16_imm8);
        AddGroup<And>(table, Code.And_rm8_imm8, Code.And_rm8_imm8_82, Code.And_rm16_imm16, Code.And_rm16_imm8);
        AddGroup<Subtract>(table, Code.Sub_rm8_imm8, Code.Sub_rm8_imm8_82, Code.Sub_rm16_imm16, Code.Sub_rm16_imm8);
        AddGroup<ExclusiveOr>(table, Code.Xor_rm8_imm8, Code.Xor_rm8_imm8_82, Code.Xor_rm16_imm16, Code.Xor_rm16_imm8);
        AddGroup<Compare>(table, Code.Cmp_rm8_imm8, Code.Cmp_rm8_imm8_82, Code.Cmp_rm16_imm16, Code.Cmp_rm16_imm8);
        table.Add(Code.Test_rm8_r8, &RmReg<Test, byte>, &MemReg<Test, byte>);
        table.Add(Code.Test_rm16_r16, &RmReg<Test, ushort>, &MemReg<Test, ushort>);
        table.Add(Code.Test_rm32_r32, &RmReg<Test, uint>, &MemReg<Test, uint>);
        table.Add(Code.Test_rm64_r64, &RmReg<Test, ulong>, &MemReg<Test, ulong>);
        table.Add(Code.Test_AL_imm8, &AccImm<Test, byte>);
        table.Add(Code.Test_AX_imm16, &AccImm<Test, ushort>);
        table.Add(Code.Test_EAX_imm32, &AccImm<Test, uint>);
        table.Add(Code.Test_RAX_imm32, &AccImm<Test, ulong>);
        AddImmediate<Test, byte>(table, Code.Test_rm8_imm8);
        AddImmediate<Test, byte>(table, Code.Test_rm8_imm8_F6r1);
        AddImmediate<Test, ushort>(table, Code.Test_rm16_imm16);
        AddImmediate<Test, ushort>(table, Code.Test_rm16_imm16_F7r1);
        AddImmediate<Test, uint>(table, Code.Test_rm32_imm32);
        AddImmediate<Test, uint>(table, Code.Test_rm32_imm32_F7r1);
        AddImmediate<Test, ulong>(table, Code.Test_rm64_imm32);
        AddImmediate<Test, ulong>(table, Code.Test_rm64_imm32_F7r1);
    }

    [MethodImpl(Jit.Hot)]
    public static bool RmReg<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IAluOperation
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        T result = TOperation.Apply(state, Width.Get<T>(state, op->Rm), Width.Get<T>(state, op->Reg));
        if (TOperation.Writes)
            Width.Set(state, op->Rm, result);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool RegRm<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IAluOperation
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        T result = TOperation.Apply(state, Width.Get<T>(state, op->Reg), Width.Get<T>(state, op->Rm));
        if (TOperation.Writes)
            Width.Set(state, op->Reg, result);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool RegMem<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IAluOperation
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (!cpu.TryLoad(cpu.Address(op), out T right))
            return false;
        T result = TOperation.Apply(state, Width.Get<T>(state, op->Reg), right);
        if (TOperation.Writes)
            Width.Set(state, op->Reg, result);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool MemReg<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IAluOperation
        where T : unmanaged => ToMemory<TOperation, T>(cpu, op, Width.Get<T>(cpu.State, op->Reg));

    [MethodImpl(Jit.Hot)]
    public static bool MemImm<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IAluOperation
        where T : unmanaged => ToMemory<TOperation, T>(cpu, op, Width.Truncate<T>((ulong)op->Immediate));

    [MethodImpl(Jit.Hot)]
    public static bool RmImm<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IAluOperation
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        T result = TOperation.Apply(state, Width.Get<T>(state, op->Rm), Width.Truncate<T>((ulong)op->Immediate));
        if (TOperation.Writes)
            Width.Set(state, op->Rm, result);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool AccImm<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IAluOperation
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        T result = TOperation.Apply(state, Width.Get<T>(state, 0), Width.Truncate<T>((ulong)op->Immediate));
        if (TOperation.Writes)
            Width.Set(state, 0, result);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool ToMemory<TOperation, T>(SoftwareCpu cpu, Op* op, T right)
        where TOperation : struct, IAluOperation
        where T : unmanaged
    {
        ulong linear = cpu.Address(op);
        if (!TOperation.Writes)
        {
            if (!cpu.TryLoad(linear, out T left))
                return false;
            TOperation.Apply(cpu.State, left, right);
            return true;
        }

        T* place = cpu.BeginUpdate<T>(linear);
        if (place == null)
            return false;
        *place = TOperation.Apply(cpu.State, *place, right);
        return cpu.EndUpdate(linear, place);
    }

    /// <summary>The twelve forms without ModRM group, which follow one another in Iced's enumeration as in the opcode map.</summary>
    private static void Add<TOperation>(OpTable table, Code first)
        where TOperation : struct, IAluOperation
    {
        table.Add(first, &RmReg<TOperation, byte>, &MemReg<TOperation, byte>);
        table.Add(first + 1, &RmReg<TOperation, ushort>, &MemReg<TOperation, ushort>);
        table.Add(first + 2, &RmReg<TOperation, uint>, &MemReg<TOperation, uint>);
        table.Add(first + 3, &RmReg<TOperation, ulong>, &MemReg<TOperation, ulong>);
        table.Add(first + 4, &RegRm<TOperation, byte>, &RegMem<TOperation, byte>);
        table.Add(first + 5, &RegRm<TOperation, ushort>, &RegMem<TOperation, ushort>);
        table.Add(first + 6, &RegRm<TOperation, uint>, &RegMem<TOperation, uint>);
        table.Add(first + 7, &RegRm<TOperation, ulong>, &RegMem<TOperation, ulong>);
        table.Add(first + 8, &AccImm<TOperation, byte>);
        table.Add(first + 9, &AccImm<TOperation, ushort>);
        table.Add(first + 10, &AccImm<TOperation, uint>);
        table.Add(first + 11, &AccImm<TOperation, ulong>);
    }

    /// <summary>Opcodes 80 to 83; 16, 32 and 64 bits follow one another in Iced's enumeration.</summary>
    private static void AddGroup<TOperation>(OpTable table, Code imm8, Code imm8Alias, Code wide, Code narrow)
        where TOperation : struct, IAluOperation
    {
        AddImmediate<TOperation, byte>(table, imm8);
        AddImmediate<TOperation, byte>(table, imm8Alias);
        int step = Code.Add_rm32_imm32 - Code.Add_rm16_imm16;
        AddImmediate<TOperation, ushort>(table, wide);
        AddImmediate<TOperation, uint>(table, wide + step);
        AddImmediate<TOperation, ulong>(table, wide + (2 * step));
        AddImmediate<TOperation, ushort>(table, narrow);
        AddImmediate<TOperation, uint>(table, narrow + step);
        AddImmediate<TOperation, ulong>(table, narrow + (2 * step));
    }

    private static void AddImmediate<TOperation, T>(OpTable table, Code code)
        where TOperation : struct, IAluOperation
        where T : unmanaged => table.Add(code, &RmImm<TOperation, T>, &MemImm<TOperation, T>);
}
