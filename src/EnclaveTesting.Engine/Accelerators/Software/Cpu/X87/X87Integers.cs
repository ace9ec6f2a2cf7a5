using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>FIST, FISTP, FISTTP and packed decimals.</summary>
internal static unsafe class X87Integers
{
    private const long LargestDecimal = 999_999_999_999_999_999;
    private const ulong IndefiniteDecimal = 0xC000_0000_0000_0000;

    /// <summary>FIST, FISTP, FISTTP. T is short, int or long.</summary>
    public static bool Store<T, TPop, TTruncate>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
        where TPop : struct, ScalarConversionHandlers.IChoice
        where TTruncate : struct, ScalarConversionHandlers.IChoice
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        ulong address = X87Unit.Address(cpu, op);
        CpuState* state = cpu.State;
        if (!cpu.TryLoadForStore(address, out T _))
            return false;
        long value = long.MinValue >> (64 - (8 * sizeof(T)));
        if (X87Unit.IsEmpty(state, 0))
        {
            if (!X87Unit.Underflowed(state))
                return true;
        }
        else
        {
            FloatContext context = X87Unit.Context(state);
            RoundingMode mode = TTruncate.Value ? RoundingMode.Zero : context.Rounding;
            value = FloatConvert.ToInteger(X87Unit.Load(state, 0), mode, 8 * sizeof(T), ref context);
            if (!X87Unit.Commit(state, in context))
                return true;
        }

        if (!cpu.TryStore(address, *(T*)&value))
            return false;
        if (TPop.Value)
            X87Unit.Pop(state);
        return true;
    }

    /// <summary>FBLD: 18 decimal digits and a sign.</summary>
    public static bool LoadDecimal(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        ulong address = X87Unit.Address(cpu, op);
        Span<byte> bytes = stackalloc byte[10];
        if (!cpu.TryReadBytes(address, bytes))
            return false;
        ulong value = 0;
        for (int i = 8; i >= 0; i--)
            value = (value * 100) + (ulong)((bytes[i] >> 4) * 10) + (ulong)(bytes[i] & 15);
        FloatParts parts = FloatParts.Finite((bytes[9] & 0x80) != 0, 63, value, 0);
        X87Unit.SetC1(cpu.State, false);
        X87Unit.Push(cpu.State, in parts);
        return true;
    }

    /// <summary>FBSTP.</summary>
    public static bool StoreDecimal(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        ulong address = X87Unit.Address(cpu, op);
        CpuState* state = cpu.State;
        if (!cpu.TryLoadForStore(address, out ulong _) || !cpu.TryLoadForStore(address + 8, out ushort _))
            return false;
        Span<byte> bytes = stackalloc byte[10];
        bool indefinite = true;
        if (X87Unit.IsEmpty(state, 0))
        {
            if (!X87Unit.Underflowed(state))
                return true;
        }
        else
        {
            FloatContext context = X87Unit.Context(state);
            FloatParts value = X87Unit.Load(state, 0);
            long integer = FloatConvert.ToInteger(in value, context.Rounding, 64, ref context);
            indefinite = (context.Raised & FloatContext.Invalid) != 0 || integer is > LargestDecimal or < -LargestDecimal;
            if (indefinite)
            {
                context.Raised = FloatContext.Invalid;
                context.RoundedUp = false;
            }

            if (!X87Unit.Commit(state, in context))
                return true;
            WriteDecimal(bytes, indefinite ? 0 : Math.Abs(integer), value.Sign);
        }

        if (indefinite)
        {
            BitConverter.TryWriteBytes(bytes, IndefiniteDecimal);
            bytes[8] = bytes[9] = 0xFF;
        }

        if (!cpu.TryWriteBytes(address, bytes))
            return false;
        X87Unit.Pop(state);
        return true;
    }

    private static void WriteDecimal(Span<byte> bytes, long magnitude, bool sign)
    {
        for (int i = 0; i < 9; i++)
        {
            (magnitude, long digits) = Math.DivRem(magnitude, 100);
            bytes[i] = (byte)(((digits / 10) << 4) | (digits % 10));
        }

        bytes[9] = sign ? (byte)0x80 : (byte)0;
    }
}
