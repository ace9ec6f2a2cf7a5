namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>
/// Arithmetic on <see cref="FloatParts"/>: results are exact, or exact but for a sticky last bit, and are rounded by
/// <see cref="FloatRounding"/>. Operands are numbers of at most 64 significant bits (their Low is zero).
/// </summary>
internal static class SoftFloat
{
    /// <summary>a + b, or a - b.</summary>
    public static FloatParts Add(in FloatParts a, in FloatParts second, bool subtract, ref FloatContext context)
    {
        if (a.IsNaN || second.IsNaN)
            return FloatNaN.Choose(in a, in second, ref context);
        FloatParts b = second;
        b.Sign ^= subtract;
        if (a.Class == FloatClass.Infinity && b.Class == FloatClass.Infinity && a.Sign != b.Sign)
            return FloatNaN.Invalid(ref context);
        NoteDenormals(in a, in b, ref context);
        if (a.Class == FloatClass.Infinity)
            return a;
        if (b.Class == FloatClass.Infinity)
            return b;
        return AddFinite(in a, in b, context.Rounding);
    }

    /// <summary>a × b.</summary>
    public static FloatParts Multiply(in FloatParts a, in FloatParts b, ref FloatContext context)
    {
        if (a.IsNaN || b.IsNaN)
            return FloatNaN.Choose(in a, in b, ref context);
        if ((a.Class == FloatClass.Infinity && b.Class == FloatClass.Zero) || (a.Class == FloatClass.Zero && b.Class == FloatClass.Infinity))
            return FloatNaN.Invalid(ref context);
        NoteDenormals(in a, in b, ref context);
        return MultiplyNumbers(in a, in b);
    }

    /// <summary>a ÷ b.</summary>
    public static FloatParts Divide(in FloatParts a, in FloatParts b, ref FloatContext context)
    {
        if (a.IsNaN || b.IsNaN)
            return FloatNaN.Choose(in a, in b, ref context);
        bool sign = a.Sign ^ b.Sign;
        if (a.Class == b.Class && a.Class != FloatClass.Finite)
            return FloatNaN.Invalid(ref context);
        if (b.Class == FloatClass.Zero && a.Class == FloatClass.Finite)
        {
            context.Raise(FloatContext.ZeroDivide);
            return FloatParts.Infinity(sign);
        }

        NoteDenormals(in a, in b, ref context);
        if (a.Class == FloatClass.Infinity || b.Class == FloatClass.Zero)
            return FloatParts.Infinity(sign);
        if (a.Class == FloatClass.Zero || b.Class == FloatClass.Infinity)
            return FloatParts.Zero(sign);

        bool larger = a.High >= b.High;
        UInt128 numerator = larger ? new UInt128(a.High >> 1, a.High << 63) : new UInt128(a.High, 0);
        (UInt128 high, UInt128 rest) = UInt128.DivRem(numerator, b.High);
        (UInt128 low, rest) = UInt128.DivRem(rest << 64, b.High);
        if (rest != UInt128.Zero)
            low |= 1;
        return FloatParts.Finite(sign, a.Exponent - b.Exponent - (larger ? 0 : 1), (ulong)high, (ulong)low);
    }

    /// <summary>The square root.</summary>
    public static FloatParts SquareRoot(in FloatParts a, ref FloatContext context)
    {
        if (a.IsNaN)
            return FloatNaN.Choose(in a, in a, ref context);
        if (a.Class == FloatClass.Zero)
            return a;
        if (a.Sign)
            return FloatNaN.Invalid(ref context);
        if (a.Denormal)
            context.Raise(FloatContext.Denormal);
        if (a.Class == FloatClass.Infinity)
            return a;

        // The root of m × 2^e with e even and m in [1, 4): 66 bits of it, one at a time, and a sticky bit.
        bool odd = (a.Exponent & 1) != 0;
        UInt128 radicand = odd ? new UInt128(a.High, 0) : new UInt128(a.High >> 1, a.High << 63);
        UInt128 root = UInt128.Zero;
        UInt128 rest = UInt128.Zero;
        for (int i = 0; i < 66; i++)
        {
            rest = (rest << 2) | (radicand >> 126);
            radicand <<= 2;
            UInt128 trial = (root << 2) | 1;
            root <<= 1;
            if (rest >= trial)
            {
                rest -= trial;
                root |= 1;
            }
        }

        UInt128 shifted = root << 62;
        ulong sticky = rest != UInt128.Zero ? 1UL : 0;
        return FloatParts.Finite(false, a.Exponent >> 1, (ulong)(shifted >> 64), (ulong)shifted | sticky);
    }

    /// <summary>±(a × b) ± c, rounded once by the caller. Products must fit 106 bits: single and double operands.</summary>
    public static FloatParts MultiplyAdd(
        in FloatParts a, in FloatParts b, in FloatParts c, bool negateProduct, bool negateAddend, ref FloatContext context)
    {
        bool noProduct = (a.Class == FloatClass.Infinity && b.Class == FloatClass.Zero) || (a.Class == FloatClass.Zero && b.Class == FloatClass.Infinity);
        if (a.IsNaN || b.IsNaN || c.IsNaN)
        {
            // A quiet NaN as the addend hides the invalid product (SDM vol. 1, 14.5.2).
            FloatParts first = FloatNaN.Choose(in a, in b, ref context);
            if (c.Class == FloatClass.SignalingNaN)
                context.Raise(FloatContext.Invalid);
            return a.IsNaN || b.IsNaN ? first : FloatNaN.Quieten(c);
        }

        if (noProduct)
            return FloatNaN.Invalid(ref context);
        FloatParts product = MultiplyNumbers(in a, in b);
        product.Sign ^= negateProduct;
        FloatParts addend = c;
        addend.Sign ^= negateAddend;
        if (product.Class == FloatClass.Infinity && addend.Class == FloatClass.Infinity && product.Sign != addend.Sign)
            return FloatNaN.Invalid(ref context);
        NoteDenormals(in a, in b, ref context);
        if (c.Denormal)
            context.Raise(FloatContext.Denormal);
        if (product.Class == FloatClass.Infinity)
            return product;
        if (addend.Class == FloatClass.Infinity)
            return addend;
        return AddFinite(in product, in addend, context.Rounding);
    }

    /// <summary>-1, 0 or 1 for numbers; 2 when a NaN makes them unordered. Raises nothing.</summary>
    public static int Compare(in FloatParts a, in FloatParts b)
    {
        if (a.IsNaN || b.IsNaN)
            return 2;
        if (a.Class == FloatClass.Zero && b.Class == FloatClass.Zero)
            return 0;
        if (a.Class == FloatClass.Zero)
            return b.Sign ? 1 : -1;
        if (b.Class == FloatClass.Zero || a.Sign != b.Sign)
            return a.Sign ? -1 : 1;
        int magnitude;
        if (a.Class != b.Class)
            magnitude = a.Class == FloatClass.Infinity ? 1 : -1;
        else if (a.Class == FloatClass.Infinity)
            magnitude = 0;
        else
            magnitude = a.Exponent != b.Exponent ? a.Exponent.CompareTo(b.Exponent) : a.High.CompareTo(b.High);
        return a.Sign ? -magnitude : magnitude;
    }

    /// <summary>Raises the denormal exception if one operand is.</summary>
    public static void NoteDenormals(in FloatParts a, in FloatParts b, ref FloatContext context)
    {
        if (a.Denormal || b.Denormal)
            context.Raise(FloatContext.Denormal);
    }

    private static FloatParts MultiplyNumbers(in FloatParts a, in FloatParts b)
    {
        bool sign = a.Sign ^ b.Sign;
        if (a.Class == FloatClass.Infinity || b.Class == FloatClass.Infinity)
            return FloatParts.Infinity(sign);
        if (a.Class == FloatClass.Zero || b.Class == FloatClass.Zero)
            return FloatParts.Zero(sign);
        ulong high = Math.BigMul(a.High, b.High, out ulong low);
        return FloatParts.Finite(sign, a.Exponent + b.Exponent + 1, high, low);
    }

    /// <summary>a + b for finite numbers, of up to 128 significant bits.</summary>
    public static FloatParts AddFinite(in FloatParts a, in FloatParts b, RoundingMode rounding)
    {
        if (a.Class == FloatClass.Zero)
        {
            if (b.Class == FloatClass.Zero)
                return FloatParts.Zero(a.Sign == b.Sign ? a.Sign : rounding == RoundingMode.Down);
            return b;
        }

        if (b.Class == FloatClass.Zero)
            return a;
        bool swap = a.Exponent < b.Exponent || (a.Exponent == b.Exponent && (a.High < b.High || (a.High == b.High && a.Low < b.Low)));
        FloatParts x = swap ? b : a;
        FloatParts y = swap ? a : b;
        FloatRounding.ShiftRightSticky(ref y.High, ref y.Low, x.Exponent - y.Exponent);
        if (x.Sign == y.Sign)
        {
            ulong low = x.Low + y.Low;
            ulong carry = low < x.Low ? 1UL : 0;
            UInt128 sum = (UInt128)x.High + y.High + carry;
            ulong high = (ulong)sum;
            if ((ulong)(sum >> 64) == 0)
                return FloatParts.Finite(x.Sign, x.Exponent, high, low);
            ulong lost = low & 1;
            low = (low >> 1) | (high << 63) | lost;
            high = (high >> 1) | FloatParts.Leading;
            return FloatParts.Finite(x.Sign, x.Exponent + 1, high, low);
        }

        ulong difference = x.Low - y.Low;
        ulong borrow = x.Low < y.Low ? 1UL : 0;
        ulong top = x.High - y.High - borrow;
        return (top | difference) == 0
            ? FloatParts.Zero(rounding == RoundingMode.Down)
            : FloatParts.Finite(x.Sign, x.Exponent, top, difference);
    }
}
