using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>ROL, ROR, RCL, RCR, SHL, SHR, SAR.</summary>
internal static unsafe class Shifts
{
    internal interface IOperation
    {
        /// <summary>Computes the result and sets the flags; <paramref name="count"/> is 1 to 31, with 64 bits to 63.</summary>
        static abstract T Apply<T>(CpuState* state, T value, int count)
            where T : unmanaged;
    }

    public static void Register(OpTable table)
    {
        Add<RotateLeft>(table, 0);
        Add<RotateRight>(table, 1);
        Add<RotateLeftThroughCarry>(table, 2);
        Add<RotateRightThroughCarry>(table, 3);
        Add<ShiftLeft>(table, 4);
        Add<ShiftRight>(table, 5);
        Add<ShiftLeft>(table, 6);
        Add<ShiftArithmetic>(table, 7);
    }

    [MethodImpl(Jit.Hot)]
    private static bool RegImm<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IOperation
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        int count = Mask<T>((int)op->Immediate);
        T value = Width.Get<T>(state, op->Rm);
        Width.Set(state, op->Rm, count == 0 ? value : TOperation.Apply(state, value, count));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    private static bool RegCl<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IOperation
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        int count = Mask<T>((int)state->Gpr[1]);
        T value = Width.Get<T>(state, op->Rm);
        Width.Set(state, op->Rm, count == 0 ? value : TOperation.Apply(state, value, count));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    private static bool MemImm<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IOperation
        where T : unmanaged => Mem<TOperation, T>(cpu, op, (int)op->Immediate);

    [MethodImpl(Jit.Hot)]
    private static bool MemCl<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IOperation
        where T : unmanaged => Mem<TOperation, T>(cpu, op, (int)cpu.State->Gpr[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Mem<TOperation, T>(SoftwareCpu cpu, Op* op, int count)
        where TOperation : struct, IOperation
        where T : unmanaged
    {
        ulong linear = cpu.Address(op);
        count = Mask<T>(count);
        T* place = cpu.BeginUpdate<T>(linear);
        if (place == null)
            return false;
        if (count == 0)
            return true;
        *place = TOperation.Apply(cpu.State, *place, count);
        return cpu.EndUpdate(linear, place);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Mask<T>(int count)
        where T : unmanaged => count & (sizeof(T) == 8 ? 63 : 31);

    private static void Add<TOperation>(OpTable table, int number)
        where TOperation : struct, IOperation
    {
        table.Add(Code.Rol_rm8_imm8 + number, &RegImm<TOperation, byte>, &MemImm<TOperation, byte>);
        table.Add(Code.Rol_rm8_1 + number, &RegImm<TOperation, byte>, &MemImm<TOperation, byte>);
        table.Add(Code.Rol_rm8_CL + number, &RegCl<TOperation, byte>, &MemCl<TOperation, byte>);
        AddSize<TOperation, ushort>(table, number * 3);
        AddSize<TOperation, uint>(table, (number * 3) + 1);
        AddSize<TOperation, ulong>(table, (number * 3) + 2);
    }

    private static void AddSize<TOperation, T>(OpTable table, int number)
        where TOperation : struct, IOperation
        where T : unmanaged
    {
        table.Add(Code.Rol_rm16_imm8 + number, &RegImm<TOperation, T>, &MemImm<TOperation, T>);
        table.Add(Code.Rol_rm16_1 + number, &RegImm<TOperation, T>, &MemImm<TOperation, T>);
        table.Add(Code.Rol_rm16_CL + number, &RegCl<TOperation, T>, &MemCl<TOperation, T>);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetFlags(CpuState* state, ulong signExtended, bool carry, bool overflow)
    {
        state->SetResult(signExtended);
        state->FlagAuxiliary = 0;
        state->SetCarryAndOverflow(carry, overflow);
    }

    internal readonly struct ShiftLeft : IOperation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply<T>(CpuState* state, T value, int count)
            where T : unmanaged
        {
            ulong wide = Width.ZeroExtend(value);

            // The bit above the result is the last one shifted out.
            bool carry = sizeof(T) == 8 ? ((wide >> (64 - count)) & 1) != 0 : (((wide << count) >> Width.Bits<T>()) & 1) != 0;
            T result = Width.Truncate<T>(wide << count);
            ulong extended = Width.SignExtend(result);
            SetFlags(state, extended, carry, carry != (long)extended < 0);
            return result;
        }
    }

    internal readonly struct ShiftRight : IOperation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply<T>(CpuState* state, T value, int count)
            where T : unmanaged
        {
            ulong wide = Width.ZeroExtend(value);
            ulong last = wide >> (count - 1);
            T result = Width.Truncate<T>(last >> 1);
            SetFlags(state, Width.SignExtend(result), (last & 1) != 0, (long)Width.SignExtend(value) < 0);
            return result;
        }
    }

    internal readonly struct ShiftArithmetic : IOperation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply<T>(CpuState* state, T value, int count)
            where T : unmanaged
        {
            long last = (long)Width.SignExtend(value) >> (count - 1);
            T result = Width.Truncate<T>((ulong)(last >> 1));
            SetFlags(state, Width.SignExtend(result), (last & 1) != 0, false);
            return result;
        }
    }

    internal readonly struct RotateLeft : IOperation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply<T>(CpuState* state, T value, int count)
            where T : unmanaged
        {
            int bits = Width.Bits<T>();
            count &= bits - 1;
            ulong wide = Width.ZeroExtend(value);
            T result = count == 0 ? value : Width.Truncate<T>((wide << count) | (wide >> (bits - count)));
            bool carry = (Width.ZeroExtend(result) & 1) != 0;
            state->SetCarryAndOverflow(carry, carry != (long)Width.SignExtend(result) < 0);
            return result;
        }
    }

    internal readonly struct RotateRight : IOperation
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static T Apply<T>(CpuState* state, T value, int count)
            where T : unmanaged
        {
            int bits = Width.Bits<T>();
            count &= bits - 1;
            ulong wide = Width.ZeroExtend(value);
            T result = count == 0 ? value : Width.Truncate<T>((wide >> count) | (wide << (bits - count)));
            ulong extended = Width.ZeroExtend(result);
            bool carry = ((extended >> (bits - 1)) & 1) != 0;
            state->SetCarryAndOverflow(carry, carry != (((extended >> (bits - 2)) & 1) != 0));
            return result;
        }
    }

    private readonly struct RotateLeftThroughCarry : IOperation
    {
        public static T Apply<T>(CpuState* state, T value, int count)
            where T : unmanaged
        {
            int bits = Width.Bits<T>();
            count %= bits + 1;
            if (count == 0)
            {
                state->SetCarryAndOverflow(state->Carry, state->Carry != (long)Width.SignExtend(value) < 0);
                return value;
            }

            UInt128 ring = ((UInt128)(state->Carry ? 1u : 0) << bits) | Width.ZeroExtend(value);
            UInt128 turned = (ring << count) | (ring >> (bits + 1 - count));
            T result = Width.Truncate<T>((ulong)turned);
            bool carry = ((turned >> bits) & 1) != 0;
            state->SetCarryAndOverflow(carry, carry != (long)Width.SignExtend(result) < 0);
            return result;
        }
    }

    private readonly struct RotateRightThroughCarry : IOperation
    {
        public static T Apply<T>(CpuState* state, T value, int count)
            where T : unmanaged
        {
            int bits = Width.Bits<T>();
            count %= bits + 1;
            UInt128 ring = ((UInt128)(state->Carry ? 1u : 0) << bits) | Width.ZeroExtend(value);
            UInt128 turned = count == 0 ? ring : (ring >> count) | (ring << (bits + 1 - count));
            T result = Width.Truncate<T>((ulong)turned);
            bool carry = ((turned >> bits) & 1) != 0;
            ulong extended = Width.ZeroExtend(result);
            bool overflow = ((extended >> (bits - 1)) & 1) != ((extended >> (bits - 2)) & 1);
            state->SetCarryAndOverflow(carry, overflow);
            return result;
        }
    }
}
