using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>MOV, MOVZX, MOVSX, LEA, XCHG, BSWAP, MOVBE, MOVNTI, XLAT and the sign extensions of the accumulator.</summary>
internal static unsafe class Moves
{
    public static void Register(OpTable table)
    {
        AddMoves<byte>(table, 0, Code.Mov_rm8_imm8);
        AddMoves<ushort>(table, 1, Code.Mov_rm16_imm16);
        AddMoves<uint>(table, 2, Code.Mov_rm32_imm32);
        AddMoves<ulong>(table, 3, Code.Mov_rm64_imm32);
        table.Add(Code.Mov_r8_imm8, &RmImm<byte>);
        table.Add(Code.Mov_r16_imm16, &RmImm<ushort>);
        table.Add(Code.Mov_r32_imm32, &RmImm<uint>);
        table.Add(Code.Mov_r64_imm64, &RmImm<ulong>);
        table.Add(Code.Lea_r16_m, null, &Lea<ushort>);
        table.Add(Code.Lea_r32_m, null, &Lea<uint>);
        table.Add(Code.Lea_r64_m, null, &Lea64);
        table.Add(Code.Movzx_r16_rm8, &ZeroExtendReg<byte, ushort>, &ZeroExtendMem<byte, ushort>);
        table.Add(Code.Movzx_r32_rm8, &ZeroExtendReg<byte, uint>, &ZeroExtendMem<byte, uint>);
        table.Add(Code.Movzx_r64_rm8, &ZeroExtendReg<byte, ulong>, &ZeroExtendMem<byte, ulong>);
        table.Add(Code.Movzx_r16_rm16, &ZeroExtendReg<ushort, ushort>, &ZeroExtendMem<ushort, ushort>);
        table.Add(Code.Movzx_r32_rm16, &ZeroExtendReg<ushort, uint>, &ZeroExtendMem<ushort, uint>);
        table.Add(Code.Movzx_r64_rm16, &ZeroExtendReg<ushort, ulong>, &ZeroExtendMem<ushort, ulong>);
        table.Add(Code.Movsx_r16_rm8, &SignExtendReg<byte, ushort>, &SignExtendMem<byte, ushort>);
        table.Add(Code.Movsx_r32_rm8, &SignExtendReg<byte, uint>, &SignExtendMem<byte, uint>);
        table.Add(Code.Movsx_r64_rm8, &SignExtendReg<byte, ulong>, &SignExtendMem<byte, ulong>);
        table.Add(Code.Movsx_r16_rm16, &SignExtendReg<ushort, ushort>, &SignExtendMem<ushort, ushort>);
        table.Add(Code.Movsx_r32_rm16, &SignExtendReg<ushort, uint>, &SignExtendMem<ushort, uint>);
        table.Add(Code.Movsx_r64_rm16, &SignExtendReg<ushort, ulong>, &SignExtendMem<ushort, ulong>);
        table.Add(Code.Movsxd_r16_rm16, &SignExtendReg<ushort, ushort>, &SignExtendMem<ushort, ushort>);
        table.Add(Code.Movsxd_r32_rm32, &SignExtendReg<uint, uint>, &SignExtendMem<uint, uint>);
        table.Add(Code.Movsxd_r64_rm32, &SignExtendReg<uint, ulong>, &SignExtendMem<uint, ulong>);
        AddExchange<byte>(table, Code.Xchg_rm8_r8);
        AddExchange<ushort>(table, Code.Xchg_rm16_r16);
        AddExchange<uint>(table, Code.Xchg_rm32_r32);
        AddExchange<ulong>(table, Code.Xchg_rm64_r64);
        table.Add(Code.Xchg_r16_AX, &ExchangeAcc<ushort>);
        table.Add(Code.Xchg_r32_EAX, &ExchangeAcc<uint>);
        table.Add(Code.Xchg_r64_RAX, &ExchangeAcc<ulong>);
        table.Add(Code.Bswap_r16, &Bswap16);
        table.Add(Code.Bswap_r32, &Bswap32);
        table.Add(Code.Bswap_r64, &Bswap64);
        table.Add(Code.Movbe_r16_m16, null, &LoadSwapped<ushort>);
        table.Add(Code.Movbe_r32_m32, null, &LoadSwapped<uint>);
        table.Add(Code.Movbe_r64_m64, null, &LoadSwapped<ulong>);
        table.Add(Code.Movbe_m16_r16, null, &StoreSwapped<ushort>);
        table.Add(Code.Movbe_m32_r32, null, &StoreSwapped<uint>);
        table.Add(Code.Movbe_m64_r64, null, &StoreSwapped<ulong>);
        table.Add(Code.Movnti_m32_r32, null, &MemReg<uint>);
        table.Add(Code.Movnti_m64_r64, null, &MemReg<ulong>);
        table.Add(Code.Xlat_m8, &Xlat);
        table.Add(Code.Cbw, &Cbw);
        table.Add(Code.Cwde, &Cwde);
        table.Add(Code.Cdqe, &Cdqe);
        table.Add(Code.Cwd, &Cwd);
        table.Add(Code.Cdq, &Cdq);
        table.Add(Code.Cqo, &Cqo);
    }

    [MethodImpl(Jit.Hot)]
    public static bool RmReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        Width.Set(state, op->Rm, Width.Get<T>(state, op->Reg));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool RegRm<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        Width.Set(state, op->Reg, Width.Get<T>(state, op->Rm));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool RmImm<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        Width.Set(cpu.State, op->Rm, Width.Truncate<T>((ulong)op->Immediate));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool RegMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (!cpu.TryLoad(cpu.Address(op), out T value))
            return false;
        Width.Set(cpu.State, op->Reg, value);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool MemReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryStore(cpu.Address(op), Width.Get<T>(cpu.State, op->Reg));

    [MethodImpl(Jit.Hot)]
    public static bool MemImm<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryStore(cpu.Address(op), Width.Truncate<T>((ulong)op->Immediate));

    public static bool AccAbsolute<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (!cpu.TryLoad(cpu.AbsoluteAddress(op, sizeof(T)), out T value))
            return false;
        Width.Set(cpu.State, 0, value);
        return true;
    }

    public static bool AbsoluteAcc<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryStore(cpu.AbsoluteAddress(op, sizeof(T)), Width.Get<T>(cpu.State, 0));

    public static bool Lea<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        Width.Set(cpu.State, op->Reg, Width.Truncate<T>(cpu.EffectiveAddress(op)));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool Lea64(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        ulong address = state->Gpr[op->Base] + (state->Gpr[op->Index] << op->Scale) + (ulong)(long)op->Displacement;
        state->Gpr[op->Reg] = op->AddressSize == 8 ? address : (uint)address;
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool ZeroExtendReg<TFrom, TTo>(SoftwareCpu cpu, Op* op)
        where TFrom : unmanaged
        where TTo : unmanaged
    {
        CpuState* state = cpu.State;
        Width.Set(state, op->Reg, Width.Truncate<TTo>(Width.ZeroExtend(Width.Get<TFrom>(state, op->Rm))));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool ZeroExtendMem<TFrom, TTo>(SoftwareCpu cpu, Op* op)
        where TFrom : unmanaged
        where TTo : unmanaged
    {
        if (!cpu.TryLoad(cpu.Address(op), out TFrom value))
            return false;
        Width.Set(cpu.State, op->Reg, Width.Truncate<TTo>(Width.ZeroExtend(value)));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool SignExtendReg<TFrom, TTo>(SoftwareCpu cpu, Op* op)
        where TFrom : unmanaged
        where TTo : unmanaged
    {
        CpuState* state = cpu.State;
        Width.Set(state, op->Reg, Width.Truncate<TTo>(Width.SignExtend(Width.Get<TFrom>(state, op->Rm))));
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool SignExtendMem<TFrom, TTo>(SoftwareCpu cpu, Op* op)
        where TFrom : unmanaged
        where TTo : unmanaged
    {
        if (!cpu.TryLoad(cpu.Address(op), out TFrom value))
            return false;
        Width.Set(cpu.State, op->Reg, Width.Truncate<TTo>(Width.SignExtend(value)));
        return true;
    }

    public static bool ExchangeReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        T left = Width.Get<T>(state, op->Rm);
        Width.Set(state, op->Rm, Width.Get<T>(state, op->Reg));
        Width.Set(state, op->Reg, left);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    public static bool ExchangeMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        ulong linear = cpu.Address(op);
        T* place = cpu.BeginUpdate<T>(linear);
        if (place == null)
            return false;
        T value = *place;
        *place = Width.Get<T>(state, op->Reg);
        if (!cpu.EndUpdate(linear, place))
            return false;
        Width.Set(state, op->Reg, value);
        return true;
    }

    public static bool ExchangeAcc<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        T value = Width.Get<T>(state, 0);
        Width.Set(state, 0, Width.Get<T>(state, op->Rm));
        Width.Set(state, op->Rm, value);
        return true;
    }

    /// <summary>Undefined by the manual; processors clear the 16 bits.</summary>
    public static bool Bswap16(SoftwareCpu cpu, Op* op)
    {
        Width.Set<ushort>(cpu.State, op->Rm, 0);
        return true;
    }

    public static bool Bswap32(SoftwareCpu cpu, Op* op)
    {
        cpu.State->Gpr[op->Rm] = BinaryPrimitives.ReverseEndianness((uint)cpu.State->Gpr[op->Rm]);
        return true;
    }

    public static bool Bswap64(SoftwareCpu cpu, Op* op)
    {
        cpu.State->Gpr[op->Rm] = BinaryPrimitives.ReverseEndianness(cpu.State->Gpr[op->Rm]);
        return true;
    }

    public static bool LoadSwapped<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (!cpu.TryLoad(cpu.Address(op), out T value))
            return false;
        Width.Set(cpu.State, op->Reg, Swap(value));
        return true;
    }

    public static bool StoreSwapped<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryStore(cpu.Address(op), Swap(Width.Get<T>(cpu.State, op->Reg)));

    /// <summary>AL from [rBX + AL].</summary>
    public static bool Xlat(SoftwareCpu cpu, Op* op)
    {
        ulong offset = cpu.State->Gpr[3] + (byte)cpu.State->Gpr[0];
        if (!cpu.TryLoad(cpu.SourceAddress(op, offset, 1), out byte value))
            return false;
        Width.Set(cpu.State, 0, value);
        return true;
    }

    public static bool Cbw(SoftwareCpu cpu, Op* op)
    {
        Width.Set(cpu.State, 0, (ushort)(sbyte)cpu.State->Gpr[0]);
        return true;
    }

    public static bool Cwde(SoftwareCpu cpu, Op* op)
    {
        Width.Set(cpu.State, 0, (uint)(short)cpu.State->Gpr[0]);
        return true;
    }

    public static bool Cdqe(SoftwareCpu cpu, Op* op)
    {
        cpu.State->Gpr[0] = (ulong)(int)cpu.State->Gpr[0];
        return true;
    }

    public static bool Cwd(SoftwareCpu cpu, Op* op)
    {
        Width.Set(cpu.State, 2, (ushort)((short)cpu.State->Gpr[0] >> 15));
        return true;
    }

    public static bool Cdq(SoftwareCpu cpu, Op* op)
    {
        Width.Set(cpu.State, 2, (uint)((int)cpu.State->Gpr[0] >> 31));
        return true;
    }

    public static bool Cqo(SoftwareCpu cpu, Op* op)
    {
        cpu.State->Gpr[2] = (ulong)((long)cpu.State->Gpr[0] >> 63);
        return true;
    }

    private static T Swap<T>(T value)
        where T : unmanaged
    {
        ulong swapped = BinaryPrimitives.ReverseEndianness(Width.ZeroExtend(value));
        return Width.Truncate<T>(swapped >> (64 - Width.Bits<T>()));
    }

    private static void AddMoves<T>(OpTable table, int size, Code immediate)
        where T : unmanaged
    {
        table.Add(Code.Mov_rm8_r8 + size, &RmReg<T>, &MemReg<T>);
        table.Add(Code.Mov_r8_rm8 + size, &RegRm<T>, &RegMem<T>);
        table.Add(Code.Mov_AL_moffs8 + size, &AccAbsolute<T>);
        table.Add(Code.Mov_moffs8_AL + size, &AbsoluteAcc<T>);
        table.Add(immediate, &RmImm<T>, &MemImm<T>);
    }

    private static void AddExchange<T>(OpTable table, Code code)
        where T : unmanaged => table.Add(code, &ExchangeReg<T>, &ExchangeMem<T>);
}
