using System.Runtime.CompilerServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>
/// Registers and values by operand size; T is byte, ushort, uint or ulong. All is computed in 64 bits and cut: arithmetic on T itself would be
/// the runtime's generic mathematics, which takes the JIT compiler much longer, and which nothing can compile ahead of time for another assembly.
/// </summary>
internal static unsafe class Width
{
    /// <summary>The value, sign-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong SignExtend<T>(T value)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
            return (ulong)(long)(sbyte)Unsafe.BitCast<T, byte>(value);
        if (sizeof(T) == 2)
            return (ulong)(long)(short)Unsafe.BitCast<T, ushort>(value);
        return sizeof(T) == 4 ? (ulong)(long)(int)Unsafe.BitCast<T, uint>(value) : Unsafe.BitCast<T, ulong>(value);
    }

    /// <summary>The value, zero-extended.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong ZeroExtend<T>(T value)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
            return Unsafe.BitCast<T, byte>(value);
        if (sizeof(T) == 2)
            return Unsafe.BitCast<T, ushort>(value);
        return sizeof(T) == 4 ? Unsafe.BitCast<T, uint>(value) : Unsafe.BitCast<T, ulong>(value);
    }

    /// <summary>The low bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Truncate<T>(ulong value)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
            return Unsafe.BitCast<byte, T>((byte)value);
        if (sizeof(T) == 2)
            return Unsafe.BitCast<ushort, T>((ushort)value);
        return sizeof(T) == 4 ? Unsafe.BitCast<uint, T>((uint)value) : Unsafe.BitCast<ulong, T>(value);
    }

    /// <summary>Bits of T.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Bits<T>()
        where T : unmanaged => sizeof(T) * 8;

    /// <summary>Reads a register as <see cref="Op.Reg"/> numbers it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Get<T>(CpuState* state, int register)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
            return *(T*)((byte*)state + ((register & 15) << 3) + (register >> 4));
        return *(T*)((ulong*)state + register);
    }

    /// <summary>
    /// Writes a register: 32 bits clear the upper half, 8 and 16 leave the rest. Always the whole slot, since a wide
    /// load after a narrow store would wait for the host's store buffer.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Set<T>(CpuState* state, int register, T value)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
        {
            ulong* slot = (ulong*)state + (register & 15);
            int shift = (register >> 1) & 8;
            *slot = (*slot & ~(0xFFUL << shift)) | (ZeroExtend(value) << shift);
        }
        else if (sizeof(T) == 2)
        {
            ulong* slot = (ulong*)state + register;
            *slot = (*slot & ~0xFFFFUL) | ZeroExtend(value);
        }
        else
        {
            *((ulong*)state + register) = ZeroExtend(value);
        }
    }

    /// <summary>Sets all arithmetic flags after an addition, with or without carry in.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetAddFlags<T>(CpuState* state, T left, T right, T result)
        where T : unmanaged
    {
        ulong a = ZeroExtend(left), b = ZeroExtend(right);
        SetFlags(state, (a & b) | ((a | b) & ~ZeroExtend(result)), result);
    }

    /// <summary>Sets all arithmetic flags after a subtraction, with or without borrow in.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SetSubtractFlags<T>(CpuState* state, T left, T right, T result)
        where T : unmanaged
    {
        ulong a = ~ZeroExtend(left), b = ZeroExtend(right);
        SetFlags(state, (a & b) | ((a | b) & ZeroExtend(result)), result);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetFlags<T>(CpuState* state, ulong carries, T result)
        where T : unmanaged
    {
        ulong extended = SignExtend(result);
        state->FlagZero = extended;
        state->FlagSign = extended;
        state->FlagCarry = carries << (64 - (sizeof(T) * 8));
        state->FlagAuxiliary = (byte)carries;
    }
}
