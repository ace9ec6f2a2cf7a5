using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>Loads, stores, exchanges, constants and conditional moves.</summary>
internal static unsafe class X87Moves
{
    /// <summary>FLD m32, m64: denormals and signaling NaNs are noticed. FILD.</summary>
    public static bool Load<TSource>(SoftwareCpu cpu, Op* op)
        where TSource : struct, X87Arithmetic.ISource
    {
        if (!X87Unit.Begin(cpu, op) || !TSource.TryLoad(cpu, X87Unit.Address(cpu, op), out FloatParts value))
            return false;
        CpuState* state = cpu.State;
        if (!X87Unit.IsEmpty(state, 7))
        {
            X87Unit.Push(state, in value);
            return true;
        }

        FloatContext context = X87Unit.Context(state);
        if (value.Class == FloatClass.SignalingNaN)
            value = FloatNaN.Choose(in value, in value, ref context);
        else if (value.Denormal)
            context.Raise(FloatContext.Denormal);
        if (X87Unit.Commit(state, in context))
            X87Unit.Push(state, in value);
        return true;
    }

    /// <summary>FLD m80: any bits.</summary>
    public static bool LoadExtended(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        ulong address = X87Unit.Address(cpu, op);
        Span<byte> bytes = stackalloc byte[10];
        if (!cpu.TryReadBytes(address, bytes))
            return false;
        Push(cpu.State, BitConverter.ToUInt64(bytes), BitConverter.ToUInt16(bytes[8..]));
        return true;
    }

    /// <summary>FLD ST(i).</summary>
    public static bool LoadRegister(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        CpuState* state = cpu.State;
        if (X87Unit.IsEmpty(state, op->Rm))
        {
            if (X87Unit.Underflowed(state))
            {
                X87Unit.Rotate(state, -1);
                X87Unit.Store(state, 0, FloatParts.DefaultNaN);
            }
        }
        else if (!X87Unit.IsEmpty(state, 7))
        {
            X87Unit.Push(state, FloatParts.DefaultNaN);
        }
        else
        {
            ulong* register = X87Unit.Register(state, op->Rm);
            Push(state, register[0], (ushort)register[1]);
        }

        return true;
    }

    /// <summary>FST ST(i).</summary>
    public static bool StoreRegister(SoftwareCpu cpu, Op* op) => X87Unit.Begin(cpu, op) && StoreRegister(cpu.State, op->Rm, false);

    /// <summary>FSTP ST(i).</summary>
    public static bool StoreRegisterAndPop(SoftwareCpu cpu, Op* op) => X87Unit.Begin(cpu, op) && StoreRegister(cpu.State, op->Rm, true);

    /// <summary>FSTPNCE, of which no manual speaks: as FSTP, but an empty ST(0) is no exception and stores nothing.</summary>
    public static bool StoreRegisterQuietly(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        CpuState* state = cpu.State;
        if (!X87Unit.IsEmpty(state, 0))
            return StoreRegister(state, op->Rm, true);
        X87Unit.SetC1(state, false);
        X87Unit.Pop(state);
        return true;
    }

    /// <summary>FST m32, m64; with TPop FSTP.</summary>
    public static bool Store<TDouble, TPop>(SoftwareCpu cpu, Op* op)
        where TDouble : struct, ScalarConversionHandlers.IChoice
        where TPop : struct, ScalarConversionHandlers.IChoice
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        ulong address = X87Unit.Address(cpu, op);
        CpuState* state = cpu.State;
        // A fault must come before the exceptions change the status.
        if (TDouble.Value ? !cpu.TryLoadForStore(address, out ulong _) : !cpu.TryLoadForStore(address, out uint _))
            return false;
        FloatParts value;
        if (X87Unit.IsEmpty(state, 0))
        {
            if (!X87Unit.Underflowed(state))
                return true;
            value = FloatParts.DefaultNaN;
        }
        else
        {
            FloatContext context = X87Unit.Context(state);
            FloatFormat format = TDouble.Value ? FloatFormat.Double : FloatFormat.Single;
            value = X87Unit.Load(state, 0);
            value = value.IsNaN ? FloatNaN.Choose(in value, in value, ref context) : FloatRounding.Round(value, in format, ref context);
            // Overflow and underflow that are not masked leave memory and stack alone.
            if (!X87Unit.Commit(state, in context) || (context.Unmasked & (FloatContext.Overflow | FloatContext.Underflow)) != 0)
                return true;
        }

        bool stored = TDouble.Value
            ? cpu.TryStore(address, FloatFormats.PackDouble(in value))
            : cpu.TryStore(address, FloatFormats.PackSingle(in value));
        if (stored && TPop.Value)
            X87Unit.Pop(state);
        return stored;
    }

    /// <summary>FSTP m80: any bits.</summary>
    public static bool StoreExtended(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        ulong address = X87Unit.Address(cpu, op);
        CpuState* state = cpu.State;
        ulong significand = FloatParts.Leading | FloatParts.Quiet;
        ushort signExponent = 0xFFFF;
        bool empty = X87Unit.IsEmpty(state, 0);
        if (!empty)
        {
            ulong* register = X87Unit.Register(state, 0);
            significand = register[0];
            signExponent = (ushort)register[1];
        }

        Span<byte> bytes = stackalloc byte[10];
        BitConverter.TryWriteBytes(bytes, significand);
        BitConverter.TryWriteBytes(bytes[8..], signExponent);
        if (empty && (state->X87Control & FloatContext.Invalid) == 0)
        {
            X87Unit.Underflowed(state);
            return true;
        }

        if (!cpu.TryWriteBytes(address, bytes))
            return false;
        if (empty)
            X87Unit.Underflowed(state);
        else
            X87Unit.SetC1(state, false);
        X87Unit.Pop(state);
        return true;
    }

    /// <summary>FXCH.</summary>
    public static bool Exchange(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        CpuState* state = cpu.State;
        int other = op->Rm;
        bool firstEmpty = X87Unit.IsEmpty(state, 0);
        bool secondEmpty = X87Unit.IsEmpty(state, other);
        if (firstEmpty || secondEmpty)
        {
            if (!X87Unit.Underflowed(state))
                return true;
            if (firstEmpty)
                X87Unit.Store(state, 0, FloatParts.DefaultNaN);
            if (secondEmpty)
                X87Unit.Store(state, other, FloatParts.DefaultNaN);
        }
        else
        {
            X87Unit.SetC1(state, false);
        }

        ulong* first = X87Unit.Register(state, 0);
        ulong* second = X87Unit.Register(state, other);
        (first[0], second[0]) = (second[0], first[0]);
        (first[1], second[1]) = (second[1], first[1]);
        return true;
    }

    /// <summary>FCHS.</summary>
    public static bool ChangeSign(SoftwareCpu cpu, Op* op) => SetSign(cpu, op, 0x8000, 0x8000);

    /// <summary>FABS.</summary>
    public static bool Absolute(SoftwareCpu cpu, Op* op) => SetSign(cpu, op, 0x8000, 0);

    /// <summary>Pushes a constant that has more bits than fit; roundsUp tells whether the nearest value is the one above.</summary>
    public static void PushConstant(CpuState* state, ulong truncated, ushort exponent, bool roundsUp)
    {
        bool up = X87Unit.Context(state).Rounding switch
        {
            RoundingMode.Nearest => roundsUp,
            RoundingMode.Up => true,
            _ => false,
        };
        Push(state, truncated + (up ? 1UL : 0), exponent);
    }

    /// <summary>Pushes given bits.</summary>
    public static void Push(CpuState* state, ulong significand, ushort signExponent)
    {
        if (!X87Unit.IsEmpty(state, 7))
        {
            X87Unit.Push(state, FloatParts.DefaultNaN);
            return;
        }

        X87Unit.SetC1(state, false);
        X87Unit.Rotate(state, -1);
        X87Unit.Store(state, 0, significand, signExponent);
    }

    /// <summary>FCMOVcc, once the condition is known.</summary>
    public static bool MoveIf(SoftwareCpu cpu, Op* op, bool condition)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        CpuState* state = cpu.State;
        if (X87Unit.IsEmpty(state, 0) || X87Unit.IsEmpty(state, op->Rm))
        {
            if (X87Unit.Underflowed(state))
                X87Unit.Store(state, 0, FloatParts.DefaultNaN);
            return true;
        }

        if (condition)
        {
            ulong* source = X87Unit.Register(state, op->Rm);
            X87Unit.Store(state, 0, source[0], (ushort)source[1]);
        }

        return true;
    }

    private static bool StoreRegister(CpuState* state, int target, bool pop)
    {
        if (X87Unit.IsEmpty(state, 0))
        {
            if (!X87Unit.Underflowed(state))
                return true;
            X87Unit.Store(state, target, FloatParts.DefaultNaN);
        }
        else
        {
            X87Unit.SetC1(state, false);
            ulong* source = X87Unit.Register(state, 0);
            X87Unit.Store(state, target, source[0], (ushort)source[1]);
        }

        if (pop)
            X87Unit.Pop(state);
        return true;
    }

    private static bool SetSign(SoftwareCpu cpu, Op* op, ushort clear, ushort flip)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        CpuState* state = cpu.State;
        if (X87Unit.IsEmpty(state, 0))
        {
            if (X87Unit.Underflowed(state))
                X87Unit.Store(state, 0, FloatParts.DefaultNaN);
            return true;
        }

        X87Unit.SetC1(state, false);
        ulong* register = X87Unit.Register(state, 0);
        register[1] = flip != 0 ? register[1] ^ flip : register[1] & (ulong)~clear;
        return true;
    }
}
