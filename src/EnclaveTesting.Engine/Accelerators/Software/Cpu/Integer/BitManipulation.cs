using System.Numerics;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>BMI1, BMI2 and ADX, without MULX. VEX.vvvv is the other source or the count, as the manual has it for each.</summary>
internal static unsafe class BitManipulation
{
    private interface IOperation
    {
        /// <summary>Computes from ModRM.rm and VEX.vvvv; <paramref name="bits"/> is 32 or 64.</summary>
        static abstract ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits);
    }

    public static void Register(OpTable table)
    {
        Add<AndNot>(table, Code.VEX_Andn_r32_r32_rm32, Code.VEX_Andn_r64_r64_rm64);
        Add<ResetLowest>(table, Code.VEX_Blsr_r32_rm32, Code.VEX_Blsr_r64_rm64, toVvvv: true);
        Add<MaskToLowest>(table, Code.VEX_Blsmsk_r32_rm32, Code.VEX_Blsmsk_r64_rm64, toVvvv: true);
        Add<IsolateLowest>(table, Code.VEX_Blsi_r32_rm32, Code.VEX_Blsi_r64_rm64, toVvvv: true);
        Add<Extract>(table, Code.VEX_Bextr_r32_rm32_r32, Code.VEX_Bextr_r64_rm64_r64);
        Add<ZeroHigh>(table, Code.VEX_Bzhi_r32_rm32_r32, Code.VEX_Bzhi_r64_rm64_r64);
        Add<ShiftLeft>(table, Code.VEX_Shlx_r32_rm32_r32, Code.VEX_Shlx_r64_rm64_r64);
        Add<ShiftRight>(table, Code.VEX_Shrx_r32_rm32_r32, Code.VEX_Shrx_r64_rm64_r64);
        Add<ShiftArithmetic>(table, Code.VEX_Sarx_r32_rm32_r32, Code.VEX_Sarx_r64_rm64_r64);
        Add<Rotate>(table, Code.VEX_Rorx_r32_rm32_imm8, Code.VEX_Rorx_r64_rm64_imm8);
        Add<Deposit>(table, Code.VEX_Pdep_r32_r32_rm32, Code.VEX_Pdep_r64_r64_rm64);
        Add<Gather>(table, Code.VEX_Pext_r32_r32_rm32, Code.VEX_Pext_r64_r64_rm64);
        table.Add(Code.Adcx_r32_rm32, &AddCarryReg<uint>, &AddCarryMem<uint>);
        table.Add(Code.Adcx_r64_rm64, &AddCarryReg<ulong>, &AddCarryMem<ulong>);
        table.Add(Code.Adox_r32_rm32, &AddOverflowReg<uint>, &AddOverflowMem<uint>);
        table.Add(Code.Adox_r64_rm64, &AddOverflowReg<ulong>, &AddOverflowMem<ulong>);
    }

    private static bool Reg<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IOperation
        where T : unmanaged => Execute<TOperation, T>(cpu.State, op, op->Reg, Width.Get<T>(cpu.State, op->Rm));

    private static bool Mem<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IOperation
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && Execute<TOperation, T>(cpu.State, op, op->Reg, value);

    /// <summary>The group of opcode F3, whose destination is VEX.vvvv.</summary>
    private static bool RegToVvvv<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IOperation
        where T : unmanaged => Execute<TOperation, T>(cpu.State, op, op->Vvvv, Width.Get<T>(cpu.State, op->Rm));

    private static bool MemToVvvv<TOperation, T>(SoftwareCpu cpu, Op* op)
        where TOperation : struct, IOperation
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && Execute<TOperation, T>(cpu.State, op, op->Vvvv, value);

    private static bool Execute<TOperation, T>(CpuState* state, Op* op, int target, T source)
        where TOperation : struct, IOperation
        where T : unmanaged
    {
        ulong other = Width.ZeroExtend(Width.Get<T>(state, op->Vvvv));
        ulong result = TOperation.Apply(state, op, Width.ZeroExtend(source), other, Width.Bits<T>());
        Width.Set(state, target, Width.Truncate<T>(result));
        return true;
    }

    private static bool AddCarryReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => AddCarry(cpu.State, op, Width.Get<T>(cpu.State, op->Rm));

    private static bool AddCarryMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && AddCarry(cpu.State, op, value);

    private static bool AddOverflowReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => AddOverflow(cpu.State, op, Width.Get<T>(cpu.State, op->Rm));

    private static bool AddOverflowMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && AddOverflow(cpu.State, op, value);

    private static bool AddCarry<T>(CpuState* state, Op* op, T right)
        where T : unmanaged
    {
        UInt128 sum = Sum(state, op, right, state->Carry);
        state->SetCarry(sum >> Width.Bits<T>() != 0);
        return true;
    }

    private static bool AddOverflow<T>(CpuState* state, Op* op, T right)
        where T : unmanaged
    {
        UInt128 sum = Sum(state, op, right, state->Overflow);
        state->SetCarryAndOverflow(state->Carry, sum >> Width.Bits<T>() != 0);
        return true;
    }

    private static UInt128 Sum<T>(CpuState* state, Op* op, T right, bool carry)
        where T : unmanaged
    {
        UInt128 sum = (UInt128)Width.ZeroExtend(Width.Get<T>(state, op->Reg)) + Width.ZeroExtend(right) + (carry ? 1u : 0);
        Width.Set(state, op->Reg, Width.Truncate<T>((ulong)sum));
        return sum;
    }

    private static void Add<TOperation>(OpTable table, Code narrow, Code wide, bool toVvvv = false)
        where TOperation : struct, IOperation
    {
        if (toVvvv)
        {
            table.Add(narrow, &RegToVvvv<TOperation, uint>, &MemToVvvv<TOperation, uint>);
            table.Add(wide, &RegToVvvv<TOperation, ulong>, &MemToVvvv<TOperation, ulong>);
        }
        else
        {
            table.Add(narrow, &Reg<TOperation, uint>, &Mem<TOperation, uint>);
            table.Add(wide, &Reg<TOperation, ulong>, &Mem<TOperation, ulong>);
        }
    }

    /// <summary>OF clear, ZF and SF from the result, CF as said; AF and PF are undefined.</summary>
    private static ulong Flags(CpuState* state, ulong result, int bits, bool carry)
    {
        state->SetLogic(bits == 32 ? (ulong)(int)result : result);
        state->SetCarryAndOverflow(carry, false);
        return result;
    }

    private static ulong Cut(ulong value, int bits) => bits == 32 ? (uint)value : value;

    private readonly struct AndNot : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits) => Flags(state, source & ~other, bits, false);
    }

    private readonly struct ResetLowest : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits) => Flags(state, source & (source - 1), bits, source == 0);
    }

    private readonly struct MaskToLowest : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits) =>
            Flags(state, Cut(source ^ (source - 1), bits), bits, source == 0);
    }

    private readonly struct IsolateLowest : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits) => Flags(state, source & (0 - source), bits, source != 0);
    }

    private readonly struct Extract : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits)
        {
            int start = (byte)other, length = (byte)(other >> 8);
            ulong result = start >= bits ? 0 : source >> start;
            if (length < bits)
                result &= (1UL << length) - 1;
            return Flags(state, result, bits, false);
        }
    }

    private readonly struct ZeroHigh : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits)
        {
            int start = (byte)other;
            return start >= bits ? Flags(state, source, bits, true) : Flags(state, source & ((1UL << start) - 1), bits, false);
        }
    }

    private readonly struct ShiftLeft : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits) => source << (int)(other & (uint)(bits - 1));
    }

    private readonly struct ShiftRight : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits) => source >> (int)(other & (uint)(bits - 1));
    }

    private readonly struct ShiftArithmetic : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits) =>
            (ulong)((bits == 32 ? (int)source : (long)source) >> (int)(other & (uint)(bits - 1)));
    }

    private readonly struct Rotate : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits) =>
            bits == 32 ? BitOperations.RotateRight((uint)source, (int)op->Immediate) : BitOperations.RotateRight(source, (int)op->Immediate);
    }

    private readonly struct Deposit : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits)
        {
            ulong result = 0;
            for (ulong mask = source; mask != 0; mask &= mask - 1, other >>= 1)
                result |= (other & 1) != 0 ? mask & (0 - mask) : 0;
            return result;
        }
    }

    private readonly struct Gather : IOperation
    {
        public static ulong Apply(CpuState* state, Op* op, ulong source, ulong other, int bits)
        {
            ulong result = 0, place = 1;
            for (ulong mask = source; mask != 0; mask &= mask - 1, place <<= 1)
                result |= (other & mask & (0 - mask)) != 0 ? place : 0;
            return result;
        }
    }
}
