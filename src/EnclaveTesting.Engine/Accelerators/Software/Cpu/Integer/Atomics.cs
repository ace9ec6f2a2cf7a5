using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B. LOCK needs nothing: all CPUs of a machine run on one thread.</summary>
internal static unsafe class Atomics
{
    public static void Register(OpTable table)
    {
        AddSize<byte>(table, 0);
        AddSize<ushort>(table, 1);
        AddSize<uint>(table, 2);
        AddSize<ulong>(table, 3);
        table.Add(Code.Cmpxchg8b_m64, null, &CompareExchange8);
        table.Add(Code.Cmpxchg16b_m128, null, &CompareExchange16);
    }

    private static bool ExchangeAddReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        T left = Width.Get<T>(state, op->Rm);
        T sum = Integer.Add.Apply(state, left, Width.Get<T>(state, op->Reg));
        Width.Set(state, op->Reg, left);
        Width.Set(state, op->Rm, sum);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    private static bool ExchangeAddMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        ulong linear = cpu.Address(op);
        T* place = cpu.BeginUpdate<T>(linear);
        if (place == null)
            return false;
        T left = *place;
        *place = Integer.Add.Apply(state, left, Width.Get<T>(state, op->Reg));
        if (!cpu.EndUpdate(linear, place))
            return false;
        Width.Set(state, op->Reg, left);
        return true;
    }

    private static bool CompareExchangeReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        T old = Width.Get<T>(state, op->Rm);
        T accumulator = Width.Get<T>(state, 0);
        Subtract.Apply(state, accumulator, old);
        if (Width.ZeroExtend(accumulator) == Width.ZeroExtend(old))
            Width.Set(state, op->Rm, Width.Get<T>(state, op->Reg));
        else
            Width.Set(state, 0, old);
        return true;
    }

    [MethodImpl(Jit.Hot)]
    private static bool CompareExchangeMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        ulong linear = cpu.Address(op);
        T* place = cpu.BeginUpdate<T>(linear);
        if (place == null)
            return false;
        T old = *place, accumulator = Width.Get<T>(state, 0);

        // The processor always writes: what was there, if the comparison fails.
        bool equal = Width.ZeroExtend(accumulator) == Width.ZeroExtend(old);
        *place = equal ? Width.Get<T>(state, op->Reg) : old;
        if (!cpu.EndUpdate(linear, place))
            return false;
        Subtract.Apply(state, accumulator, old);
        if (!equal)
            Width.Set(state, 0, old);
        return true;
    }

    private static bool CompareExchange8(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        ulong linear = cpu.Address(op);
        if (!cpu.TryLoadForStore(linear, out ulong old))
            return false;
        ulong expected = (state->Gpr[2] << 32) | (uint)state->Gpr[0];
        bool equal = expected == old;
        if (!cpu.TryStore(linear, equal ? (state->Gpr[1] << 32) | (uint)state->Gpr[3] : old))
            return false;
        SetZero(state, equal);
        if (!equal)
        {
            state->Gpr[0] = (uint)old;
            state->Gpr[2] = old >> 32;
        }

        return true;
    }

    private static bool CompareExchange16(SoftwareCpu cpu, Op* op)
    {
        CpuState* state = cpu.State;
        ulong linear = cpu.Address(op);
        if ((linear & 15) != 0)
            return cpu.RaiseGeneralProtection();
        if (!cpu.TryLoadForStore(linear, out UInt128 old))
            return false;
        bool equal = old == new UInt128(state->Gpr[2], state->Gpr[0]);
        if (!cpu.TryStore(linear, equal ? new UInt128(state->Gpr[1], state->Gpr[3]) : old))
            return false;
        SetZero(state, equal);
        if (!equal)
        {
            state->Gpr[0] = (ulong)old;
            state->Gpr[2] = (ulong)(old >> 64);
        }

        return true;
    }

    /// <summary>Sets ZF; the other flags stay.</summary>
    private static void SetZero(CpuState* state, bool zero) => state->FlagZero = zero ? 0UL : 1;

    private static void AddSize<T>(OpTable table, int size)
        where T : unmanaged
    {
        table.Add(Code.Xadd_rm8_r8 + size, &ExchangeAddReg<T>, &ExchangeAddMem<T>);
        table.Add(Code.Cmpxchg_rm8_r8 + size, &CompareExchangeReg<T>, &CompareExchangeMem<T>);
    }
}
