using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>SHLD and SHRD.</summary>
internal static unsafe class DoubleShifts
{
    public static void Register(OpTable table)
    {
        Add<ushort>(table, 0);
        Add<uint>(table, 1);
        Add<ulong>(table, 2);
    }

    private static bool LeftReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => InRegister<T>(cpu, op, (int)op->Immediate, left: true);

    private static bool LeftMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => InMemory<T>(cpu, op, (int)op->Immediate, left: true);

    private static bool LeftRegCl<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => InRegister<T>(cpu, op, (int)cpu.State->Gpr[1], left: true);

    private static bool LeftMemCl<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => InMemory<T>(cpu, op, (int)cpu.State->Gpr[1], left: true);

    private static bool RightReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => InRegister<T>(cpu, op, (int)op->Immediate, left: false);

    private static bool RightMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => InMemory<T>(cpu, op, (int)op->Immediate, left: false);

    private static bool RightRegCl<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => InRegister<T>(cpu, op, (int)cpu.State->Gpr[1], left: false);

    private static bool RightMemCl<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => InMemory<T>(cpu, op, (int)cpu.State->Gpr[1], left: false);

    private static bool InRegister<T>(SoftwareCpu cpu, Op* op, int count, bool left)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        T value = Width.Get<T>(state, op->Rm);
        Width.Set(state, op->Rm, Shift(state, value, Width.Get<T>(state, op->Reg), count, left));
        return true;
    }

    private static bool InMemory<T>(SoftwareCpu cpu, Op* op, int count, bool left)
        where T : unmanaged
    {
        ulong linear = cpu.Address(op);
        return cpu.TryLoadForStore(linear, out T value)
            && cpu.TryStore(linear, Shift(cpu.State, value, Width.Get<T>(cpu.State, op->Reg), count, left));
    }

    private static T Shift<T>(CpuState* state, T value, T fill, int count, bool left)
        where T : unmanaged
    {
        int bits = Width.Bits<T>();
        count &= bits == 64 ? 63 : 31;
        if (count == 0)
            return value;
        ulong wide = Width.ZeroExtend(value), other = Width.ZeroExtend(fill);

        // With 16 bits and counts above 16 the result is undefined; processors go on with the bits of the other operand.
        UInt128 both;
        T result;
        bool carry;
        if (left)
        {
            both = ((UInt128)wide << bits) | other;
            if (bits == 16)
                both = (both << 16) | wide;
            int top = bits == 16 ? 48 : 2 * bits;
            result = Width.Truncate<T>((ulong)(both >> (top - bits - count)));
            carry = ((both >> (top - count)) & 1) != 0;
        }
        else
        {
            both = ((UInt128)other << bits) | wide;
            if (bits == 16)
                both |= (UInt128)wide << 32;
            result = Width.Truncate<T>((ulong)(both >> count));
            carry = ((both >> (count - 1)) & 1) != 0;
        }

        ulong extended = Width.SignExtend(result);
        state->SetResult(extended);
        state->FlagAuxiliary = 0;
        state->SetCarryAndOverflow(carry, (long)(extended ^ Width.SignExtend(value)) < 0);
        return result;
    }

    private static void Add<T>(OpTable table, int size)
        where T : unmanaged
    {
        table.Add(Code.Shld_rm16_r16_imm8 + size, &LeftReg<T>, &LeftMem<T>);
        table.Add(Code.Shld_rm16_r16_CL + size, &LeftRegCl<T>, &LeftMemCl<T>);
        table.Add(Code.Shrd_rm16_r16_imm8 + size, &RightReg<T>, &RightMem<T>);
        table.Add(Code.Shrd_rm16_r16_CL + size, &RightRegCl<T>, &RightMemCl<T>);
    }
}
