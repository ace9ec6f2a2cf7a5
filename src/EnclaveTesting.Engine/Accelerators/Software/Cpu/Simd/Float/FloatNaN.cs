namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Which NaN an operation answers with (SDM vol. 1, table 4-7).</summary>
internal static class FloatNaN
{
    /// <summary>Raises the invalid exception and answers the default NaN.</summary>
    public static FloatParts Invalid(ref FloatContext context)
    {
        context.Raise(FloatContext.Invalid);
        return FloatParts.DefaultNaN;
    }

    /// <summary>The same NaN, quiet.</summary>
    public static FloatParts Quieten(FloatParts value)
    {
        value.Class = FloatClass.QuietNaN;
        value.High |= FloatParts.Quiet;
        return value;
    }

    /// <summary>The answer when at least one operand is a NaN; the invalid exception if one signals or is no supported encoding.</summary>
    public static FloatParts Choose(in FloatParts a, in FloatParts b, ref FloatContext context)
    {
        if (a.Class == FloatClass.Unsupported || b.Class == FloatClass.Unsupported)
            return Invalid(ref context);
        bool signals = a.Class == FloatClass.SignalingNaN || b.Class == FloatClass.SignalingNaN;
        if (signals)
            context.Raise(FloatContext.Invalid);
        if (!context.X87)
            return Quieten(a.IsNaN ? a : b);
        if (!a.IsNaN || !b.IsNaN)
            return Quieten(a.IsNaN ? a : b);
        // A quiet NaN goes before a signaling one, then the larger significand wins, then the positive one.
        if (a.Class != b.Class)
            return Quieten(a.Class == FloatClass.QuietNaN ? a : b);
        if (a.High != b.High)
            return Quieten(a.High > b.High ? a : b);
        return Quieten(a.Sign ? b : a);
    }
}
