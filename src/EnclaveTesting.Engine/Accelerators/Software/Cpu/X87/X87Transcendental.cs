using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>
/// FSIN, FCOS, FSINCOS, FPTAN, FPATAN, F2XM1, FYL2X and FYL2XP1. Results are rounded from about 120 good bits, so they are within half a unit
/// of the last place and a hair, where processors promise less than one. Angles are reduced by the 66-bit π of SDM vol. 1, 8.3.8.
/// </summary>
internal static unsafe class X87Transcendental
{
    // π/2 with 66 bits, as an integer of units 2^-65.
    private static readonly UInt128 HalfPi = new(3, 0x243F6A8885A308D3);

    /// <summary>FSIN.</summary>
    public static bool Sine(SoftwareCpu cpu, Op* op)
    {
        if (!TryAngle(cpu, op, false, out bool run, out FloatParts sine, out _, out FloatContext context))
            return run;
        X87Functions.Finish(cpu.State, sine, in FloatFormat.Extended, ref context);
        return true;
    }

    /// <summary>FCOS.</summary>
    public static bool Cosine(SoftwareCpu cpu, Op* op)
    {
        if (!TryAngle(cpu, op, false, out bool run, out _, out FloatParts cosine, out FloatContext context))
            return run;
        X87Functions.Finish(cpu.State, cosine, in FloatFormat.Extended, ref context);
        return true;
    }

    /// <summary>FSINCOS: the sine takes ST(0)'s place, the cosine is pushed.</summary>
    public static bool SineCosine(SoftwareCpu cpu, Op* op)
    {
        if (!TryAngle(cpu, op, true, out bool run, out FloatParts sine, out FloatParts cosine, out FloatContext context))
            return run;
        FinishBoth(cpu.State, sine, cosine, ref context);
        return true;
    }

    /// <summary>FPTAN: the tangent takes ST(0)'s place, 1 is pushed.</summary>
    public static bool Tangent(SoftwareCpu cpu, Op* op)
    {
        if (!TryAngle(cpu, op, true, out bool run, out FloatParts sine, out FloatParts cosine, out FloatContext context))
            return run;
        bool number = sine.Class is FloatClass.Finite or FloatClass.Zero;
        // No tangent but that of zero can be represented, also where sine and cosine are too close to their limits to tell.
        FloatParts tangent = number ? Inexact(WideMath.Divide(in sine, in cosine)) : sine;
        FinishBoth(cpu.State, tangent, number ? WideMath.One : sine, ref context);
        return true;
    }

    /// <summary>FPATAN: the angle of ST(0), ST(1), into ST(1), then pop.</summary>
    public static bool Arctangent(SoftwareCpu cpu, Op* op)
    {
        if (!TryBeginPair(cpu, op, out bool run, out FloatParts x, out FloatParts y, out FloatContext context))
            return run;
        FloatParts result = x.IsNaN || y.IsNaN ? FloatNaN.Choose(in y, in x, ref context) : Angle(in y, in x, ref context);
        FinishPair(cpu.State, result, ref context);
        return true;
    }

    /// <summary>F2XM1: 2^x - 1; outside -1..1 the manuals leave the result open, here x.</summary>
    public static bool PowerMinusOne(SoftwareCpu cpu, Op* op)
    {
        if (!X87Functions.TryBegin(cpu, op, out bool run, out FloatParts x, out FloatContext context))
            return run;
        FloatParts result = x;
        if (x.IsNaN)
        {
            result = FloatNaN.Choose(in x, in x, ref context);
        }
        else if (x.Class == FloatClass.Infinity)
        {
            result = x.Sign ? FloatParts.FromInteger(-1) : x;
        }
        else if (x.Class == FloatClass.Finite)
        {
            if (x.Denormal)
                context.Raise(FloatContext.Denormal);
            bool one = x.Exponent == 0 && x.High == FloatParts.Leading;
            if (one && x.Sign)
                result.Exponent = -1;
            else if (x.Exponent < 0)
                result = Inexact(WideMath.ExponentialMinusOne(WideMath.Multiply(in x, in WideMath.Ln2)));
        }

        X87Functions.Finish(cpu.State, result, in FloatFormat.Extended, ref context);
        return true;
    }

    /// <summary>FYL2X: ST(1) × log2 ST(0), into ST(1), then pop.</summary>
    public static bool Logarithm(SoftwareCpu cpu, Op* op)
    {
        if (!TryBeginPair(cpu, op, out bool run, out FloatParts x, out FloatParts y, out FloatContext context))
            return run;
        FinishPair(cpu.State, Logarithm(in x, in y, ref context), ref context);
        return true;
    }

    /// <summary>FYL2XP1: ST(1) × log2 (ST(0) + 1), into ST(1), then pop.</summary>
    public static bool LogarithmOfOnePlus(SoftwareCpu cpu, Op* op)
    {
        if (!TryBeginPair(cpu, op, out bool run, out FloatParts x, out FloatParts y, out FloatContext context))
            return run;
        FinishPair(cpu.State, LogarithmOfOnePlus(in x, in y, ref context), ref context);
        return true;
    }

    private static FloatParts Logarithm(in FloatParts x, in FloatParts y, ref FloatContext context)
    {
        if (x.IsNaN || y.IsNaN)
            return FloatNaN.Choose(in y, in x, ref context);
        if (x.Class == FloatClass.Zero)
        {
            if (y.Class == FloatClass.Zero)
                return FloatNaN.Invalid(ref context);
            if (y.Class == FloatClass.Finite)
                context.Raise(FloatContext.ZeroDivide);
            return FloatParts.Infinity(!y.Sign);
        }

        bool isOne = x.Class == FloatClass.Finite && x.Exponent == 0 && x.High == FloatParts.Leading;
        bool invalid = x.Sign || (x.Class == FloatClass.Infinity && y.Class == FloatClass.Zero) || (isOne && y.Class == FloatClass.Infinity);
        if (invalid)
            return FloatNaN.Invalid(ref context);
        SoftFloat.NoteDenormals(in x, in y, ref context);
        bool negative = x.Class == FloatClass.Finite && x.Exponent < 0;
        if (x.Class == FloatClass.Infinity || y.Class == FloatClass.Infinity)
            return FloatParts.Infinity(y.Sign ^ negative);
        if (y.Class == FloatClass.Zero || isOne)
            return FloatParts.Zero(y.Sign ^ negative);
        FloatParts logarithm = WideMath.BinaryLogarithm(in x);
        FloatParts result = WideMath.Multiply(in y, in logarithm);
        return x.High == FloatParts.Leading ? result : Inexact(result);
    }

    private static FloatParts LogarithmOfOnePlus(in FloatParts x, in FloatParts y, ref FloatContext context)
    {
        if (x.IsNaN || y.IsNaN)
            return FloatNaN.Choose(in y, in x, ref context);
        bool belowMinusOne = x.Sign && (x.Class == FloatClass.Infinity || (x.Class == FloatClass.Finite && x.Exponent >= 0));
        bool invalid = belowMinusOne
            || (x.Class == FloatClass.Zero && y.Class == FloatClass.Infinity)
            || (x.Class == FloatClass.Infinity && y.Class == FloatClass.Zero);
        if (invalid)
            return FloatNaN.Invalid(ref context);
        SoftFloat.NoteDenormals(in x, in y, ref context);
        if (x.Class == FloatClass.Infinity || y.Class == FloatClass.Infinity)
            return FloatParts.Infinity(y.Sign ^ x.Sign);
        if (x.Class == FloatClass.Zero || y.Class == FloatClass.Zero)
            return FloatParts.Zero(y.Sign ^ x.Sign);
        FloatParts logarithm = x.Exponent < -2
            ? WideMath.BinaryLogarithmOfOnePlus(in x)
            : WideMath.BinaryLogarithm(WideMath.Add(in WideMath.One, in x));
        return Inexact(WideMath.Multiply(in y, in logarithm));
    }

    private static FloatParts Angle(in FloatParts y, in FloatParts x, ref FloatContext context)
    {
        SoftFloat.NoteDenormals(in x, in y, ref context);
        if (y.Class == FloatClass.Zero || (x.Class == FloatClass.Infinity && y.Class != FloatClass.Infinity))
            return x.Sign ? Signed(WideMath.Pi, y.Sign) : FloatParts.Zero(y.Sign);
        FloatParts halfPi = WideMath.Pi;
        halfPi.Exponent = 0;
        if (x.Class == FloatClass.Zero || (y.Class == FloatClass.Infinity && x.Class != FloatClass.Infinity))
            return Signed(halfPi, y.Sign);
        FloatParts result;
        if (y.Class == FloatClass.Infinity)
        {
            result = WideMath.Pi;
            result.Exponent = -1;
        }
        else
        {
            FloatParts above = Signed(y, false);
            FloatParts beneath = Signed(x, false);
            bool steep = SoftFloat.Compare(in above, in beneath) > 0;
            FloatParts ratio = steep ? WideMath.Divide(in beneath, in above) : WideMath.Divide(in above, in beneath);
            result = WideMath.Arctangent(in ratio);
            if (steep)
                result = WideMath.Subtract(in halfPi, result);
        }

        if (x.Sign)
            result = WideMath.Subtract(in WideMath.Pi, result);
        return Signed(Inexact(result), y.Sign);
    }

    private static bool TryAngle(
        SoftwareCpu cpu, Op* op, bool pushes, out bool run, out FloatParts sine, out FloatParts cosine, out FloatContext context)
    {
        sine = cosine = default;
        context = default;
        run = X87Unit.Begin(cpu, op);
        if (!run)
            return false;
        CpuState* state = cpu.State;
        state->X87Status &= unchecked((ushort)~X87Unit.C2);
        if (!HasRoom(state, pushes))
            return false;
        FloatParts angle = X87Unit.Load(state, 0);
        context = X87Unit.Context(state);
        if (angle.Class == FloatClass.Finite && angle.Exponent >= 63)
        {
            // Too large: C2, and the operand stays.
            X87Unit.SetC1(state, false);
            state->X87Status |= X87Unit.C2;
            return false;
        }

        if (angle.IsNaN)
            sine = cosine = FloatNaN.Choose(in angle, in angle, ref context);
        else if (angle.Class == FloatClass.Infinity)
            sine = cosine = FloatNaN.Invalid(ref context);
        else if (angle.Class == FloatClass.Zero)
            (sine, cosine) = (angle, WideMath.One);
        else
            Evaluate(in angle, out sine, out cosine, ref context);
        return true;
    }

    private static void Evaluate(in FloatParts angle, out FloatParts sine, out FloatParts cosine, ref FloatContext context)
    {
        if (angle.Denormal)
            context.Raise(FloatContext.Denormal);
        FloatParts reduced = angle;
        reduced.Sign = false;
        uint quadrant = 0;
        if (angle.Exponent >= -1)
            reduced = Reduce(in reduced, out quadrant);
        (FloatParts s, FloatParts c) = WideMath.SineCosine(in reduced);
        (sine, cosine) = (quadrant & 1) == 0 ? (s, c) : (c, s);
        sine.Sign ^= ((quadrant & 2) != 0) ^ angle.Sign;
        cosine.Sign ^= ((quadrant + 1) & 2) != 0;
        sine = Inexact(sine);
        cosine = Inexact(cosine);
    }

    // The angle's significand in units of 2^-65 is divided by π/2, bit by bit; then the rest is brought to -π/4..π/4.
    private static FloatParts Reduce(in FloatParts angle, out uint quadrant)
    {
        int shift = angle.Exponent + 2;
        UInt128 rest = angle.High;
        quadrant = 0;
        ulong quotient = 0;
        for (int i = shift; i > 0; i--)
        {
            rest <<= 1;
            quotient <<= 1;
            if (rest >= HalfPi)
            {
                rest -= HalfPi;
                quotient |= 1;
            }
        }

        bool negative = rest << 1 > HalfPi;
        if (negative)
        {
            rest = HalfPi - rest;
            quotient++;
        }

        quadrant = (uint)quotient & 3;
        return FloatParts.Finite(negative, 62, (ulong)(rest >> 64), (ulong)rest);
    }

    private static bool HasRoom(CpuState* state, bool pushes)
    {
        bool empty = X87Unit.IsEmpty(state, 0);
        if (!empty && (!pushes || X87Unit.IsEmpty(state, 7)))
            return true;
        if (empty ? X87Unit.Underflowed(state) : X87Unit.Overflowed(state))
        {
            X87Unit.Store(state, 0, FloatParts.DefaultNaN);
            if (pushes)
            {
                X87Unit.Rotate(state, -1);
                X87Unit.Store(state, 0, FloatParts.DefaultNaN);
            }
        }

        return false;
    }

    private static bool TryBeginPair(SoftwareCpu cpu, Op* op, out bool run, out FloatParts x, out FloatParts y, out FloatContext context)
    {
        x = y = default;
        context = default;
        run = X87Unit.Begin(cpu, op);
        if (!run)
            return false;
        CpuState* state = cpu.State;
        if (X87Unit.IsEmpty(state, 0) || X87Unit.IsEmpty(state, 1))
        {
            if (X87Unit.Underflowed(state))
            {
                X87Unit.Store(state, 1, FloatParts.DefaultNaN);
                X87Unit.Pop(state);
            }

            return false;
        }

        x = X87Unit.Load(state, 0);
        y = X87Unit.Load(state, 1);
        context = X87Unit.Context(state);
        return true;
    }

    private static void FinishPair(CpuState* state, FloatParts result, ref FloatContext context)
    {
        if ((context.Unmasked & FloatContext.BeforeOperation) == 0)
            result = FloatRounding.Round(result, in FloatFormat.Extended, ref context);
        if (!X87Unit.Commit(state, in context))
            return;
        X87Unit.Store(state, 1, in result);
        X87Unit.Pop(state);
    }

    private static void FinishBoth(CpuState* state, FloatParts first, FloatParts pushed, ref FloatContext context)
    {
        if ((context.Unmasked & FloatContext.BeforeOperation) == 0)
        {
            pushed = FloatRounding.Round(pushed, in FloatFormat.Extended, ref context);
            first = FloatRounding.Round(first, in FloatFormat.Extended, ref context);
        }

        if (!X87Unit.Commit(state, in context))
            return;
        X87Unit.Store(state, 0, in first);
        X87Unit.Rotate(state, -1);
        X87Unit.Store(state, 0, in pushed);
    }

    private static FloatParts Signed(FloatParts value, bool sign)
    {
        value.Sign = sign;
        return value;
    }

    // No function here has a result of 64 bits but for the arguments handled before: there is always something to round.
    private static FloatParts Inexact(FloatParts value)
    {
        value.Low |= 1;
        return value;
    }
}
