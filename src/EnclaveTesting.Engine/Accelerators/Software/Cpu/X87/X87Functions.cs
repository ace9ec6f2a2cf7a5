using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>Square root, rounding, scaling, taking apart, remainders.</summary>
internal static unsafe class X87Functions
{
    /// <summary>FSQRT.</summary>
    public static bool SquareRoot(SoftwareCpu cpu, Op* op)
    {
        if (!TryBegin(cpu, op, out bool run, out FloatParts value, out FloatContext context))
            return run;
        FloatParts result = SoftFloat.SquareRoot(in value, ref context);
        Finish(cpu.State, result, X87Unit.Format(cpu.State), ref context);
        return true;
    }

    /// <summary>FRNDINT.</summary>
    public static bool RoundToIntegral(SoftwareCpu cpu, Op* op)
    {
        if (!TryBegin(cpu, op, out bool run, out FloatParts value, out FloatContext context))
            return run;
        if (value.Denormal)
            context.Raise(FloatContext.Denormal);
        FloatParts result = FloatConvert.ToIntegral(in value, context.Rounding, ref context);
        if (X87Unit.Commit(cpu.State, in context))
            X87Unit.Store(cpu.State, 0, in result);
        return true;
    }

    /// <summary>FSCALE: ST(0) × 2^trunc(ST(1)).</summary>
    public static bool Scale(SoftwareCpu cpu, Op* op)
    {
        if (!TryBeginBoth(cpu, op, out bool run, out FloatParts value, out FloatParts by, out FloatContext context))
            return run;
        Finish(cpu.State, Scale(in value, in by, ref context), in FloatFormat.Extended, ref context);
        return true;
    }

    /// <summary>FXTRACT: the exponent takes ST(0)'s place, the significand is pushed.</summary>
    public static bool Extract(SoftwareCpu cpu, Op* op)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        CpuState* state = cpu.State;
        bool empty = X87Unit.IsEmpty(state, 0);
        if (empty || !X87Unit.IsEmpty(state, 7))
        {
            if (empty ? X87Unit.Underflowed(state) : X87Unit.Overflowed(state))
            {
                X87Unit.Store(state, 0, FloatParts.DefaultNaN);
                X87Unit.Rotate(state, -1);
                X87Unit.Store(state, 0, FloatParts.DefaultNaN);
            }

            return true;
        }

        FloatContext context = X87Unit.Context(state);
        FloatParts value = X87Unit.Load(state, 0);
        FloatParts significand = value;
        FloatParts exponent;
        switch (value.Class)
        {
            case FloatClass.Zero:
                context.Raise(FloatContext.ZeroDivide);
                exponent = FloatParts.Infinity(true);
                break;
            case FloatClass.Infinity:
                exponent = FloatParts.Infinity(false);
                break;
            case FloatClass.Finite:
                if (value.Denormal)
                    context.Raise(FloatContext.Denormal);
                exponent = FloatParts.FromInteger(value.Exponent);
                significand.Exponent = 0;
                break;
            default:
                exponent = significand = FloatNaN.Choose(in value, in value, ref context);
                break;
        }

        if (!X87Unit.Commit(state, in context))
            return true;
        X87Unit.Store(state, 0, in exponent);
        X87Unit.Push(state, in significand);
        return true;
    }

    /// <summary>FPREM: the remainder of truncated division.</summary>
    public static bool Remainder(SoftwareCpu cpu, Op* op) => Remainder(cpu, op, false);

    /// <summary>FPREM1: the remainder of division rounded to nearest.</summary>
    public static bool NearestRemainder(SoftwareCpu cpu, Op* op) => Remainder(cpu, op, true);

    /// <summary>Begins an operation on ST(0). False: it is over, and run tells whether without a fault.</summary>
    public static bool TryBegin(SoftwareCpu cpu, Op* op, out bool run, out FloatParts value, out FloatContext context)
    {
        value = default;
        context = default;
        run = X87Unit.Begin(cpu, op);
        if (!run)
            return false;
        CpuState* state = cpu.State;
        if (X87Unit.IsEmpty(state, 0))
        {
            if (X87Unit.Underflowed(state))
                X87Unit.Store(state, 0, FloatParts.DefaultNaN);
            return false;
        }

        value = X87Unit.Load(state, 0);
        context = X87Unit.Context(state);
        return true;
    }

    /// <summary>Begins an operation on ST(0) and ST(1) that leaves its result in ST(0).</summary>
    public static bool TryBeginBoth(
        SoftwareCpu cpu, Op* op, out bool run, out FloatParts first, out FloatParts second, out FloatContext context)
    {
        second = default;
        if (!TryBegin(cpu, op, out run, out first, out context))
            return false;
        CpuState* state = cpu.State;
        if (X87Unit.IsEmpty(state, 1))
        {
            if (X87Unit.Underflowed(state))
                X87Unit.Store(state, 0, FloatParts.DefaultNaN);
            return false;
        }

        second = X87Unit.Load(state, 1);
        return true;
    }

    /// <summary>Rounds a result into ST(0).</summary>
    public static void Finish(CpuState* state, FloatParts result, in FloatFormat format, ref FloatContext context)
    {
        if ((context.Unmasked & FloatContext.BeforeOperation) == 0)
            result = FloatRounding.Round(result, in format, ref context);
        if (X87Unit.Commit(state, in context))
            X87Unit.Store(state, 0, in result);
    }

    private static FloatParts Scale(in FloatParts value, in FloatParts by, ref FloatContext context)
    {
        if (value.IsNaN || by.IsNaN)
            return FloatNaN.Choose(in value, in by, ref context);
        if (by.Class == FloatClass.Infinity)
        {
            bool invalid = by.Sign ? value.Class == FloatClass.Infinity : value.Class == FloatClass.Zero;
            if (invalid)
                return FloatNaN.Invalid(ref context);
            SoftFloat.NoteDenormals(in value, in by, ref context);
            return by.Sign ? FloatParts.Zero(value.Sign) : FloatParts.Infinity(value.Sign);
        }

        SoftFloat.NoteDenormals(in value, in by, ref context);
        if (value.Class != FloatClass.Finite || by.Class == FloatClass.Zero || by.Exponent < 0)
            return value;
        // Anything past 2^16 is beyond all exponents.
        int shift = by.Exponent > 16 ? 1 << 17 : (int)(by.High >> (63 - by.Exponent));
        FloatParts result = value;
        result.Exponent += by.Sign ? -shift : shift;
        return result;
    }

    private static bool Remainder(SoftwareCpu cpu, Op* op, bool nearest)
    {
        CpuState* state = cpu.State;
        if (!TryBeginBoth(cpu, op, out bool run, out FloatParts value, out FloatParts by, out FloatContext context))
        {
            if (run)
                state->X87Status &= unchecked((ushort)~X87Unit.C2);
            return run;
        }

        FloatParts result;
        ulong quotient = 0;
        bool partial = false;
        if (value.IsNaN || by.IsNaN)
        {
            result = FloatNaN.Choose(in value, in by, ref context);
        }
        else if (value.Class == FloatClass.Infinity || by.Class == FloatClass.Zero)
        {
            result = FloatNaN.Invalid(ref context);
        }
        else
        {
            SoftFloat.NoteDenormals(in value, in by, ref context);
            result = value.Class == FloatClass.Zero || by.Class == FloatClass.Infinity
                ? value
                : Divide(in value, in by, nearest, out quotient, out partial);
        }

        if ((context.Unmasked & FloatContext.BeforeOperation) == 0)
            result = FloatRounding.Round(result, in FloatFormat.Extended, ref context);
        bool done = X87Unit.Commit(state, in context);
        if (!done)
            return true;
        X87Unit.Store(state, 0, in result);
        if (result.IsNaN)
        {
            // No quotient: only C2 tells that this is the end.
            state->X87Status &= unchecked((ushort)~X87Unit.C2);
            return true;
        }

        int conditions = partial
            ? X87Unit.C2
            : ((quotient & 1) != 0 ? X87Unit.C1 : 0) | ((quotient & 2) != 0 ? X87Unit.C3 : 0) | ((quotient & 4) != 0 ? X87Unit.C0 : 0);
        X87Unit.SetConditions(state, conditions);
        return true;
    }

    private static FloatParts Divide(in FloatParts value, in FloatParts by, bool nearest, out ulong quotient, out bool partial)
    {
        int difference = value.Exponent - by.Exponent;
        quotient = 0;
        partial = difference >= 64;
        if (difference < -1 || (difference < 0 && !nearest))
            return value;

        // Long division; a partial remainder takes the exponent down by 32 to 63 and leaves the rest to the next FPREM.
        int steps = partial ? 32 + (difference & 31) : difference;
        UInt128 rest = value.High;
        UInt128 divisor = by.High;
        int exponent = by.Exponent;
        if (difference < 0)
        {
            // Half the divisor's exponent: the quotient before rounding is 0.
            divisor <<= 1;
            exponent = value.Exponent;
            steps = -1;
        }

        if (partial)
            exponent = value.Exponent - steps;
        for (int i = 0; i <= steps; i++)
        {
            if (i > 0)
            {
                rest <<= 1;
                quotient <<= 1;
            }

            if (rest >= divisor)
            {
                rest -= divisor;
                quotient |= 1;
            }
        }

        bool sign = value.Sign;
        if (nearest && !partial)
        {
            UInt128 twice = rest << 1;
            if (twice > divisor || (twice == divisor && (quotient & 1) != 0))
            {
                rest = divisor - rest;
                sign = !sign;
                quotient++;
            }
        }

        if (rest == UInt128.Zero)
            return FloatParts.Zero(value.Sign);
        FloatParts result = FloatParts.Finite(sign, exponent + 64, (ulong)(rest >> 64), (ulong)rest);
        return result;
    }
}
