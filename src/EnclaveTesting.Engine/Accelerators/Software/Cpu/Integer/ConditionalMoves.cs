using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>CMOVcc and SETcc.</summary>
internal static unsafe class ConditionalMoves
{
    public static void Register(OpTable table)
    {
        Add<IfOverflow>(table, 0);
        Add<IfBelow>(table, 2);
        Add<IfEqual>(table, 4);
        Add<IfBelowOrEqual>(table, 6);
        Add<IfSign>(table, 8);
        Add<IfParity>(table, 10);
        Add<IfLess>(table, 12);
        Add<IfLessOrEqual>(table, 14);
    }

    [MethodImpl(Jit.Hot)]
    public static bool MoveReg<TCondition, T>(SoftwareCpu cpu, Op* op)
        where TCondition : struct, ICondition
        where T : unmanaged
    {
        CpuState* state = cpu.State;

        // 32 bits clear the upper half even if nothing is moved.
        Width.Set(state, op->Reg, Width.Get<T>(state, TCondition.Test(state) ? op->Rm : op->Reg));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool MoveMem<TCondition, T>(SoftwareCpu cpu, Op* op)
        where TCondition : struct, ICondition
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        if (!cpu.TryLoad(cpu.Address(op), out T value))
            return false;
        Width.Set(state, op->Reg, TCondition.Test(state) ? value : Width.Get<T>(state, op->Reg));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool SetReg<TCondition>(SoftwareCpu cpu, Op* op)
        where TCondition : struct, ICondition
    {
        CpuState* state = cpu.State;
        Width.Set(state, op->Rm, TCondition.Test(state) ? (byte)1 : (byte)0);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool SetMem<TCondition>(SoftwareCpu cpu, Op* op)
        where TCondition : struct, ICondition => cpu.TryStore(cpu.Address(op), TCondition.Test(cpu.State) ? (byte)1 : (byte)0);

    private static void Add<TCondition>(OpTable table, int number)
        where TCondition : struct, ICondition
    {
        AddOne<TCondition>(table, number);
        AddOne<Not<TCondition>>(table, number + 1);
    }

    private static void AddOne<TCondition>(OpTable table, int number)
        where TCondition : struct, ICondition
    {
        Code move = Code.Cmovo_r16_rm16 + (3 * number);
        table.Add(move, &MoveReg<TCondition, ushort>, &MoveMem<TCondition, ushort>);
        table.Add(move + 1, &MoveReg<TCondition, uint>, &MoveMem<TCondition, uint>);
        table.Add(move + 2, &MoveReg<TCondition, ulong>, &MoveMem<TCondition, ulong>);
        table.Add(SetCode(number), &SetReg<TCondition>, &SetMem<TCondition>);
    }

    private static Code SetCode(int number) => Code.Seto_rm8 + number;
}
