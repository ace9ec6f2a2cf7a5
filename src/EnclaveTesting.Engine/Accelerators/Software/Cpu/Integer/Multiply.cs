using System.Runtime.CompilerServices;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;

/// <summary>MUL, IMUL, DIV, IDIV, MULX.</summary>
internal static unsafe class Multiply
{
    public static void Register(OpTable table)
    {
        AddWide<byte>(table, Code.Mul_rm8, Code.Imul_rm8, Code.Div_rm8, Code.Idiv_rm8);
        AddWide<ushort>(table, Code.Mul_rm16, Code.Imul_rm16, Code.Div_rm16, Code.Idiv_rm16);
        AddWide<uint>(table, Code.Mul_rm32, Code.Imul_rm32, Code.Div_rm32, Code.Idiv_rm32);
        AddWide<ulong>(table, Code.Mul_rm64, Code.Imul_rm64, Code.Div_rm64, Code.Idiv_rm64);
        AddShort<ushort>(table, Code.Imul_r16_rm16, Code.Imul_r16_rm16_imm16, Code.Imul_r16_rm16_imm8);
        AddShort<uint>(table, Code.Imul_r32_rm32, Code.Imul_r32_rm32_imm32, Code.Imul_r32_rm32_imm8);
        AddShort<ulong>(table, Code.Imul_r64_rm64, Code.Imul_r64_rm64_imm32, Code.Imul_r64_rm64_imm8);
        table.Add(Code.VEX_Mulx_r32_r32_rm32, &MulxReg<uint>, &MulxMem<uint>);
        table.Add(Code.VEX_Mulx_r64_r64_rm64, &MulxReg<ulong>, &MulxMem<ulong>);
    }

    [MethodImpl(Jit.Hot)]
    public static bool MulReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Mul(cpu.State, Width.Get<T>(cpu.State, op->Rm));

    [MethodImpl(Jit.Hot)]
    public static bool MulMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && Mul(cpu.State, value);

    [MethodImpl(Jit.Hot)]
    public static bool ImulReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Imul(cpu.State, Width.Get<T>(cpu.State, op->Rm));

    [MethodImpl(Jit.Hot)]
    public static bool ImulMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && Imul(cpu.State, value);

    [MethodImpl(Jit.Hot)]
    public static bool DivReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Div(cpu, Width.Get<T>(cpu.State, op->Rm));

    [MethodImpl(Jit.Hot)]
    public static bool DivMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && Div(cpu, value);

    [MethodImpl(Jit.Hot)]
    public static bool IdivReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Idiv(cpu, Width.Get<T>(cpu.State, op->Rm));

    [MethodImpl(Jit.Hot)]
    public static bool IdivMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && Idiv(cpu, value);

    [MethodImpl(Jit.Hot)]
    public static bool ShortReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Short(cpu.State, op, Width.Get<T>(cpu.State, op->Reg), Width.Get<T>(cpu.State, op->Rm));

    [MethodImpl(Jit.Hot)]
    public static bool ShortMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && Short(cpu.State, op, Width.Get<T>(cpu.State, op->Reg), value);

    [MethodImpl(Jit.Hot)]
    public static bool ShortRegImm<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Short(cpu.State, op, Width.Get<T>(cpu.State, op->Rm), Width.Truncate<T>((ulong)op->Immediate));

    [MethodImpl(Jit.Hot)]
    public static bool ShortMemImm<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && Short(cpu.State, op, value, Width.Truncate<T>((ulong)op->Immediate));

    public static bool MulxReg<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Mulx(cpu.State, op, Width.Get<T>(cpu.State, op->Rm));

    public static bool MulxMem<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => cpu.TryLoad(cpu.Address(op), out T value) && Mulx(cpu.State, op, value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Mul<T>(CpuState* state, T right)
        where T : unmanaged
    {
        ulong high, low;
        if (sizeof(T) == 8)
        {
            high = Math.BigMul(state->Gpr[0], Width.ZeroExtend(right), out low);
            state->Gpr[0] = low;
            state->Gpr[2] = high;
        }
        else
        {
            ulong product = Width.ZeroExtend(Width.Get<T>(state, 0)) * Width.ZeroExtend(right);
            low = Width.SignExtend(Width.Truncate<T>(product));
            high = product >> Width.Bits<T>();
            SetWide<T>(state, product);
        }

        SetFlags(state, low, high != 0);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Imul<T>(CpuState* state, T right)
        where T : unmanaged
    {
        ulong low;
        bool overflow;
        if (sizeof(T) == 8)
        {
            long high = Math.BigMul((long)state->Gpr[0], (long)Width.ZeroExtend(right), out long signedLow);
            low = (ulong)signedLow;
            state->Gpr[0] = low;
            state->Gpr[2] = (ulong)high;
            overflow = high != signedLow >> 63;
        }
        else
        {
            ulong product = Width.SignExtend(Width.Get<T>(state, 0)) * Width.SignExtend(right);
            low = Width.SignExtend(Width.Truncate<T>(product));
            overflow = low != product;
            SetWide<T>(state, product);
        }

        SetFlags(state, low, overflow);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Short<T>(CpuState* state, Op* op, T left, T right)
        where T : unmanaged
    {
        Width.Set(state, op->Reg, ShortProduct(state, left, right));
        return true;
    }

    /// <summary>IMUL with a product as wide as its factors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static T ShortProduct<T>(CpuState* state, T left, T right)
        where T : unmanaged
    {
        ulong low;
        bool overflow;
        if (sizeof(T) == 8)
        {
            long high = Math.BigMul((long)Width.ZeroExtend(left), (long)Width.ZeroExtend(right), out long signedLow);
            low = (ulong)signedLow;
            overflow = high != signedLow >> 63;
        }
        else
        {
            ulong product = Width.SignExtend(left) * Width.SignExtend(right);
            low = Width.SignExtend(Width.Truncate<T>(product));
            overflow = low != product;
        }

        SetFlags(state, low, overflow);
        return Width.Truncate<T>(low);
    }

    private static bool Mulx<T>(CpuState* state, Op* op, T right)
        where T : unmanaged
    {
        UInt128 product = (UInt128)Width.ZeroExtend(Width.Get<T>(state, 2)) * Width.ZeroExtend(right);
        Width.Set(state, op->Vvvv, Width.Truncate<T>((ulong)product));
        Width.Set(state, op->Reg, Width.Truncate<T>((ulong)(product >> Width.Bits<T>())));
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Div<T>(SoftwareCpu cpu, T right)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        ulong divisor = Width.ZeroExtend(right);
        if (sizeof(T) == 8)
        {
            ulong high = state->Gpr[2], low = state->Gpr[0];
            if (divisor <= high)
                return cpu.RaiseException(ExceptionVector.DivideError);
            if (high == 0)
            {
                (state->Gpr[0], state->Gpr[2]) = Math.DivRem(low, divisor);
                return true;
            }

            (UInt128 quotient, UInt128 remainder) = UInt128.DivRem(new UInt128(high, low), divisor);
            state->Gpr[0] = (ulong)quotient;
            state->Gpr[2] = (ulong)remainder;
            return true;
        }

        ulong dividend = GetWide<T>(state);
        if (divisor <= dividend >> Width.Bits<T>())
            return cpu.RaiseException(ExceptionVector.DivideError);
        (ulong result, ulong rest) = Math.DivRem(dividend, divisor);
        SetQuotient<T>(state, result, rest);
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Idiv<T>(SoftwareCpu cpu, T right)
        where T : unmanaged
    {
        CpuState* state = cpu.State;
        var divisor = (long)Width.SignExtend(right);
        if (divisor == 0)
            return cpu.RaiseException(ExceptionVector.DivideError);
        if (sizeof(T) == 8)
            return Idiv64(cpu, divisor);

        long dividend = sizeof(T) == 4 ? (long)GetWide<T>(state) : sizeof(T) == 2 ? (int)GetWide<T>(state) : (short)GetWide<T>(state);
        if (dividend == long.MinValue && divisor == -1)
            return cpu.RaiseException(ExceptionVector.DivideError);
        long quotient = dividend / divisor;
        if ((long)Width.SignExtend(Width.Truncate<T>((ulong)quotient)) != quotient)
            return cpu.RaiseException(ExceptionVector.DivideError);
        SetQuotient<T>(state, (ulong)quotient, (ulong)(dividend - (quotient * divisor)));
        return true;
    }

    private static bool Idiv64(SoftwareCpu cpu, long divisor)
    {
        CpuState* state = cpu.State;
        var low = (long)state->Gpr[0];
        var high = (long)state->Gpr[2];
        if (high == low >> 63 && !(low == long.MinValue && divisor == -1))
        {
            (long shortQuotient, long shortRemainder) = Math.DivRem(low, divisor);
            state->Gpr[0] = (ulong)shortQuotient;
            state->Gpr[2] = (ulong)shortRemainder;
            return true;
        }

        bool negative = high < 0;
        var dividend = new UInt128((ulong)high, (ulong)low);
        if (negative)
            dividend = UInt128.Zero - dividend;
        ulong magnitude = divisor < 0 ? 0 - (ulong)divisor : (ulong)divisor;
        (UInt128 quotient, UInt128 remainder) = UInt128.DivRem(dividend, magnitude);
        bool negativeQuotient = negative != (divisor < 0);
        UInt128 limit = negativeQuotient ? (UInt128)1 << 63 : ((UInt128)1 << 63) - 1;
        if (quotient > limit)
            return cpu.RaiseException(ExceptionVector.DivideError);
        state->Gpr[0] = negativeQuotient ? 0 - (ulong)quotient : (ulong)quotient;
        state->Gpr[2] = negative ? 0 - (ulong)remainder : (ulong)remainder;
        return true;
    }

    /// <summary>AX, DX:AX or EDX:EAX.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong GetWide<T>(CpuState* state)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
            return (ushort)state->Gpr[0];
        return (Width.ZeroExtend(Width.Get<T>(state, 2)) << Width.Bits<T>()) | Width.ZeroExtend(Width.Get<T>(state, 0));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetWide<T>(CpuState* state, ulong value)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
        {
            Width.Set(state, 0, (ushort)value);
            return;
        }

        Width.Set(state, 0, Width.Truncate<T>(value));
        Width.Set(state, 2, Width.Truncate<T>(value >> Width.Bits<T>()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetQuotient<T>(CpuState* state, ulong quotient, ulong remainder)
        where T : unmanaged
    {
        if (sizeof(T) == 1)
        {
            Width.Set(state, 0, (ushort)((byte)quotient | ((uint)(byte)remainder << 8)));
            return;
        }

        Width.Set(state, 0, Width.Truncate<T>(quotient));
        Width.Set(state, 2, Width.Truncate<T>(remainder));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetFlags(CpuState* state, ulong low, bool overflow)
    {
        state->SetResult(low);
        state->FlagAuxiliary = 0;

        // CF and OF are the same: the bit below CF stays clear.
        state->FlagCarry = overflow ? 1UL << 63 : 0;
    }

    private static void AddWide<T>(OpTable table, Code mul, Code imul, Code div, Code idiv)
        where T : unmanaged
    {
        table.Add(mul, &MulReg<T>, &MulMem<T>);
        table.Add(imul, &ImulReg<T>, &ImulMem<T>);
        table.Add(div, &DivReg<T>, &DivMem<T>);
        table.Add(idiv, &IdivReg<T>, &IdivMem<T>);
    }

    private static void AddShort<T>(OpTable table, Code two, Code three, Code narrow)
        where T : unmanaged
    {
        table.Add(two, &ShortReg<T>, &ShortMem<T>);
        table.Add(three, &ShortRegImm<T>, &ShortMemImm<T>);
        table.Add(narrow, &ShortRegImm<T>, &ShortMemImm<T>);
    }
}
