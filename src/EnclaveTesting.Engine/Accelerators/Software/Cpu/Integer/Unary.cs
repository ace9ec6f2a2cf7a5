using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>INC, DEC, NEG and NOT.</summary>
internal static unsafe class Unary
{
    internal interface IOperation
    {
        static abstract T Apply<T>(CpuState* state, T value)
            where T : unmanaged;
    }

    public static void Register(OpTable table)
    {
        Add<Increment>(table, Code.Inc_rm8, Code.Inc_rm16);
        Add<Decrement>(table, Code.Dec_rm8, Code.Dec_rm16);
        Add<Negate>(table, Code.Neg_rm8, Code.Neg_rm16);
        Add<Complement>(table, Code.Not_rm8, Code.Not_rm16);
        table.Add(Code.Inc_r16, &Reg<Increment, ushort>);
        table.Add(Code.Inc_r32, &Reg<Increment, uint>);
        table.Add(Code.Dec_r16, &Reg<Decrement, ushort>);
        table.Add(Code.Dec_r32, &Reg<Decrement, uint>);
    }

    [MethodImpl(Jit.Hot)]
    private static bool Reg<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IOperation
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        Width.Set(state, op->Rm, TOperation.Apply(state, Width.Get<T>(state, op->Rm)));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    private static bool Mem<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IOperation
        where T : unmanaged
    {
        ulong linear = cpu.Address(op);
        T* place = cpu.BeginUpdate<T>(linear);
        if (place == null)
            return false;
        *place = TOperation.Apply(cpu.State, *place);
        return cpu.EndUpdate(linear, place);
    }

    private static void Add<TOperation>(OpTable table, Code narrow, Code wide)
        where TOperation : struct, IOperation
    {
        table.Add(narrow, &Reg<TOperation, byte>, &Mem<TOperation, byte>);
        table.Add(wide, &Reg<TOperation, ushort>, &Mem<TOperation, ushort>);
        table.Add(wide + 1, &Reg<TOperation, uint>, &Mem<TOperation, uint>);
        table.Add(wide + 2, &Reg<TOperation, ulong>, &Mem<TOperation, ulong>);
    }

    internal readonly struct Increment : IOperation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply<T>(CpuState* state, T value)
            where T : unmanaged
        {
            T one = Width.Truncate<T>(1), result = Width.Truncate<T>(Width.ZeroExtend(value) + 1);
            ulong carry = state->FlagCarry >> 63;
            Width.SetAddFlags(state, value, one, result);
            KeepCarry(state, carry);
            return result;
        }
    }

    internal readonly struct Decrement : IOperation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply<T>(CpuState* state, T value)
            where T : unmanaged
        {
            T one = Width.Truncate<T>(1), result = Width.Truncate<T>(Width.ZeroExtend(value) - 1);
            ulong carry = state->FlagCarry >> 63;
            Width.SetSubtractFlags(state, value, one, result);
            KeepCarry(state, carry);
            return result;
        }
    }

    private readonly struct Negate : IOperation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply<T>(CpuState* state, T value)
            where T : unmanaged => Subtract.Apply(state, default, value);
    }

    private readonly struct Complement : IOperation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply<T>(CpuState* state, T value)
            where T : unmanaged => Width.Truncate<T>(~Width.ZeroExtend(value));
    }

    /// <summary>Puts CF back and leaves OF, the difference of the two top bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void KeepCarry(CpuState* state, ulong carry)
    {
        ulong vector = state->FlagCarry;
        ulong overflow = (vector ^ (vector << 1)) >> 63;
        state->FlagCarry = (carry << 63) | ((carry ^ overflow) << 62);
    }
}
