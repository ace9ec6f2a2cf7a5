using System.Numerics;
using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>BT, BTS, BTR, BTC, BSF, BSR, TZCNT, LZCNT, POPCNT, CRC32.</summary>
internal static unsafe class Bits
{
    private interface IChange
    {
        static abstract bool Writes { get; }

        static abstract ulong Apply(ulong value, ulong bit);
    }

    private interface ICount
    {
        static abstract bool Apply<T>(CpuState* state, Op* op, T value)
            where T : unmanaged;
    }

    public static void Register(OpTable table)
    {
        AddTests<Keep>(table, Code.Bt_rm16_r16, Code.Bt_rm16_imm8);
        AddTests<Set>(table, Code.Bts_rm16_r16, Code.Bts_rm16_imm8);
        AddTests<Reset>(table, Code.Btr_rm16_r16, Code.Btr_rm16_imm8);
        AddTests<Complement>(table, Code.Btc_rm16_r16, Code.Btc_rm16_imm8);
        AddCounts<ScanForward>(table, Code.Bsf_r16_rm16);
        AddCounts<ScanReverse>(table, Code.Bsr_r16_rm16);
        AddCounts<TrailingZeros>(table, Code.Tzcnt_r16_rm16);
        AddCounts<LeadingZeros>(table, Code.Lzcnt_r16_rm16);
        AddCounts<PopulationCount>(table, Code.Popcnt_r16_rm16);
        table.Add(Code.Crc32_r32_rm8, &CrcReg<byte>, &CrcMem<byte>);
        table.Add(Code.Crc32_r64_rm8, &CrcReg<byte>, &CrcMem<byte>);
        table.Add(Code.Crc32_r32_rm16, &CrcReg<ushort>, &CrcMem<ushort>);
        table.Add(Code.Crc32_r32_rm32, &CrcReg<uint>, &CrcMem<uint>);
        table.Add(Code.Crc32_r64_rm64, &CrcReg<ulong>, &CrcMem<ulong>);
    }

    [MethodImpl(Jit.Hot)]
    private static bool RegReg<TChange, T>(SoftwareCpu cpu, Op* op)
        where TChange : struct, IChange
        where T : unmanaged => InRegister<TChange, T>(cpu.State, op, (int)cpu.State->Gpr[op->Reg]);

    [MethodImpl(Jit.Hot)]
    private static bool RegImm<TChange, T>(SoftwareCpu cpu, Op* op)
        where TChange : struct, IChange
        where T : unmanaged => InRegister<TChange, T>(cpu.State, op, (int)op->Immediate);

    [MethodImpl(Jit.Hot)]
    private static bool MemImm<TChange, T>(SoftwareCpu cpu, Op* op)
        where TChange : struct, IChange
        where T : unmanaged => InMemory<TChange, T>(cpu, cpu.Address(op), (int)op->Immediate);

    /// <summary>The bit's number is signed and reaches beyond the operand.</summary>
    [MethodImpl(Jit.Hot)]
    private static bool MemReg<TChange, T>(SoftwareCpu cpu, Op* op)
        where TChange : struct, IChange
        where T : unmanaged
    {
        var number = (long)Width.SignExtend(Width.Get<T>(cpu.State, op->Reg));
        int shift = BitOperations.Log2((uint)Width.Bits<T>());
        ulong distance = (ulong)((number >> shift) * sizeof(T));
        return InMemory<TChange, T>(cpu, cpu.AddressPlus(op, distance), (int)number);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool InRegister<TChange, T>(CpuState* state, Op* op, int number)
        where TChange : struct, IChange
        where T : unmanaged
    {
        number &= Width.Bits<T>() - 1;
        ulong value = Width.ZeroExtend(Width.Get<T>(state, op->Rm));
        state->SetCarry(((value >> number) & 1) != 0);
        if (TChange.Writes)
            Width.Set(state, op->Rm, Width.Truncate<T>(TChange.Apply(value, 1UL << number)));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool InMemory<TChange, T>(SoftwareCpu cpu, ulong linear, int number)
        where TChange : struct, IChange
        where T : unmanaged
    {
        number &= Width.Bits<T>() - 1;
        ulong value;
        if (TChange.Writes)
        {
            T* place = cpu.BeginUpdate<T>(linear);
            if (place == null)
                return false;
            value = Width.ZeroExtend(*place);
            *place = Width.Truncate<T>(TChange.Apply(value, 1UL << number));
            if (!cpu.EndUpdate(linear, place))
                return false;
        }
        else
        {
            if (!cpu.TryLoad(linear, out T loaded))
                return false;
            value = Width.ZeroExtend(loaded);
        }

        cpu.State->SetCarry(((value >> number) & 1) != 0);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    private static bool CountReg<TCount, T>(SoftwareCpu cpu, Op* op)
        where TCount : struct, ICount
        where T : unmanaged => TCount.Apply(cpu.State, op, Width.Get<T>(cpu.State, op->Rm));

    [MethodImpl(Jit.Hot)]
    private static bool CountMem<TCount, T>(SoftwareCpu cpu, Op* op)
        where TCount : struct, ICount
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && TCount.Apply(cpu.State, op, value);

    private static bool CrcReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Crc(cpu.State, op, Width.Get<T>(cpu.State, op->Rm));

    private static bool CrcMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && Crc(cpu.State, op, value);

    private static bool Crc<T>(CpuState* state, Op* op, T value)
        where T : unmanaged
    {
        var crc = (uint)state->Gpr[op->Reg];
        ulong wide = Width.ZeroExtend(value);
        state->Gpr[op->Reg] = sizeof(T) switch
        {
            1 => BitOperations.Crc32C(crc, (byte)wide),
            2 => BitOperations.Crc32C(crc, (ushort)wide),
            4 => BitOperations.Crc32C(crc, (uint)wide),
            _ => BitOperations.Crc32C(crc, wide),
        };
        return true;
    }

    private static void AddTests<TChange>(OpTable table, Code register, Code immediate)
        where TChange : struct, IChange
    {
        table.Add(register, &RegReg<TChange, ushort>, &MemReg<TChange, ushort>);
        table.Add(register + 1, &RegReg<TChange, uint>, &MemReg<TChange, uint>);
        table.Add(register + 2, &RegReg<TChange, ulong>, &MemReg<TChange, ulong>);
        table.Add(immediate, &RegImm<TChange, ushort>, &MemImm<TChange, ushort>);
        table.Add(immediate + 1, &RegImm<TChange, uint>, &MemImm<TChange, uint>);
        table.Add(immediate + 2, &RegImm<TChange, ulong>, &MemImm<TChange, ulong>);
    }

    private static void AddCounts<TCount>(OpTable table, Code first)
        where TCount : struct, ICount
    {
        table.Add(first, &CountReg<TCount, ushort>, &CountMem<TCount, ushort>);
        table.Add(first + 1, &CountReg<TCount, uint>, &CountMem<TCount, uint>);
        table.Add(first + 2, &CountReg<TCount, ulong>, &CountMem<TCount, ulong>);
    }

    private readonly struct Keep : IChange
    {
        public static bool Writes => false;

        public static ulong Apply(ulong value, ulong bit) => value;
    }

    private readonly struct Set : IChange
    {
        public static bool Writes => true;

        public static ulong Apply(ulong value, ulong bit) => value | bit;
    }

    private readonly struct Reset : IChange
    {
        public static bool Writes => true;

        public static ulong Apply(ulong value, ulong bit) => value & ~bit;
    }

    private readonly struct Complement : IChange
    {
        public static bool Writes => true;

        public static ulong Apply(ulong value, ulong bit) => value ^ bit;
    }

    /// <summary>Zero leaves the destination as it is, on every processor known, though the manual does not promise it.</summary>
    private readonly struct ScanForward : ICount
    {
        public static bool Apply<T>(CpuState* state, Op* op, T value)
            where T : unmanaged
        {
            ulong wide = Width.ZeroExtend(value);
            state->FlagZero = wide;
            if (wide != 0)
                Width.Set(state, op->Reg, Width.Truncate<T>((ulong)BitOperations.TrailingZeroCount(wide)));
            return true;
        }
    }

    private readonly struct ScanReverse : ICount
    {
        public static bool Apply<T>(CpuState* state, Op* op, T value)
            where T : unmanaged
        {
            ulong wide = Width.ZeroExtend(value);
            state->FlagZero = wide;
            if (wide != 0)
                Width.Set(state, op->Reg, Width.Truncate<T>((ulong)BitOperations.Log2(wide)));
            return true;
        }
    }

    private readonly struct TrailingZeros : ICount
    {
        public static bool Apply<T>(CpuState* state, Op* op, T value)
            where T : unmanaged
        {
            ulong wide = Width.ZeroExtend(value);
            int count = wide == 0 ? Width.Bits<T>() : BitOperations.TrailingZeroCount(wide);
            return Finish<T>(state, op, wide, count);
        }
    }

    private readonly struct LeadingZeros : ICount
    {
        public static bool Apply<T>(CpuState* state, Op* op, T value)
            where T : unmanaged
        {
            ulong wide = Width.ZeroExtend(value);
            int count = BitOperations.LeadingZeroCount(wide) - (64 - Width.Bits<T>());
            return Finish<T>(state, op, wide, count);
        }
    }

    private readonly struct PopulationCount : ICount
    {
        public static bool Apply<T>(CpuState* state, Op* op, T value)
            where T : unmanaged
        {
            ulong wide = Width.ZeroExtend(value);
            Width.Set(state, op->Reg, Width.Truncate<T>((ulong)BitOperations.PopCount(wide)));
            state->SetLogic(1);
            state->FlagZero = wide;
            return true;
        }
    }

    private static bool Finish<T>(CpuState* state, Op* op, ulong wide, int count)
        where T : unmanaged
    {
        Width.Set(state, op->Reg, Width.Truncate<T>((ulong)count));
        state->FlagZero = (ulong)count;
        state->SetCarry(wide == 0);
        return true;
    }
}
