namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Comparisons, minimum and maximum of SSE.</summary>
internal static class FloatCompare
{
    private const int Less = 1;
    private const int Equal = 2;
    private const int Greater = 4;
    private const int Unordered = 8;

    // The 16 relations of CMPPS by imm8[3:0] (SDM vol. 2, CMPPD, table 3-1): which outcomes are true.
    private static ReadOnlySpan<byte> Predicates =>
    [
        Equal, Less, Less | Equal, Unordered,
        Less | Greater | Unordered, Equal | Greater | Unordered, Greater | Unordered, Less | Equal | Greater,
        Equal | Unordered, Less | Unordered, Less | Equal | Unordered, 0,
        Less | Greater, Equal | Greater, Greater, Less | Equal | Greater | Unordered,
    ];

    /// <summary>Whether a predicate (imm8[4:0]) holds.</summary>
    public static bool Test(ulong a, ulong b, int predicate, ref FloatContext context)
        => (Predicates[predicate & 15] & Relation(a, b, IsSignaling(predicate), ref context)) != 0;

    /// <summary>Whether a predicate (imm8[4:0]) holds.</summary>
    public static bool Test(uint a, uint b, int predicate, ref FloatContext context)
        => (Predicates[predicate & 15] & Relation(a, b, IsSignaling(predicate), ref context)) != 0;

    /// <summary>ZF, PF and CF as COMISD and UCOMISD set them.</summary>
    public static uint Flags(ulong a, ulong b, bool signalQuiet, ref FloatContext context)
        => Flags(Relation(a, b, signalQuiet, ref context));

    /// <summary>ZF, PF and CF as COMISS and UCOMISS set them.</summary>
    public static uint Flags(uint a, uint b, bool signalQuiet, ref FloatContext context)
        => Flags(Relation(a, b, signalQuiet, ref context));

    /// <summary>The smaller one; b when either is a NaN or both are zeros.</summary>
    public static ulong Minimum(ulong a, ulong b, ref FloatContext context)
        => Flush(Relation(a, b, true, ref context) == Less ? a : b, in context);

    /// <summary>The smaller one; b when either is a NaN or both are zeros.</summary>
    public static uint Minimum(uint a, uint b, ref FloatContext context)
        => Flush(Relation(a, b, true, ref context) == Less ? a : b, in context);

    /// <summary>The larger one; b when either is a NaN or both are zeros.</summary>
    public static ulong Maximum(ulong a, ulong b, ref FloatContext context)
        => Flush(Relation(a, b, true, ref context) == Greater ? a : b, in context);

    /// <summary>The larger one; b when either is a NaN or both are zeros.</summary>
    public static uint Maximum(uint a, uint b, ref FloatContext context)
        => Flush(Relation(a, b, true, ref context) == Greater ? a : b, in context);

    // Bits 0, 3, 4 and 5, 6, 7 of the first eight predicates come in pairs; the upper sixteen signal where the lower ones do not.
    private static bool IsSignaling(int predicate) => (((predicate & 3) is 1 or 2) ^ ((predicate & 16) != 0));

    private static uint Flags(int relation) => relation switch
    {
        Less => 0x01,
        Equal => 0x40,
        Greater => 0,
        _ => 0x45,
    };

    private static ulong Flush(ulong value, in FloatContext context)
        => (context.Control & FloatContext.DenormalsAreZero) != 0 && FloatLanes.IsDenormal(value) ? value & (1UL << 63) : value;

    private static uint Flush(uint value, in FloatContext context)
        => (context.Control & FloatContext.DenormalsAreZero) != 0 && FloatLanes.IsDenormal(value) ? value & (1U << 31) : value;

    private static int Relation(ulong a, ulong b, bool signalQuiet, ref FloatContext context)
    {
        if (FloatLanes.IsNaN(a) || FloatLanes.IsNaN(b))
        {
            if (signalQuiet || IsSignalingNaN(a) || IsSignalingNaN(b))
                context.Raise(FloatContext.Invalid);
            return Unordered;
        }

        if (FloatLanes.IsDenormal(a) || FloatLanes.IsDenormal(b))
        {
            if ((context.Control & FloatContext.DenormalsAreZero) == 0)
                context.Raise(FloatContext.Denormal);
            a = Flush(a, in context);
            b = Flush(b, in context);
        }

        double x = BitConverter.UInt64BitsToDouble(a);
        double y = BitConverter.UInt64BitsToDouble(b);
        return x < y ? Less : x == y ? Equal : Greater;
    }

    private static int Relation(uint a, uint b, bool signalQuiet, ref FloatContext context)
    {
        if (FloatLanes.IsNaN(a) || FloatLanes.IsNaN(b))
        {
            if (signalQuiet || IsSignalingNaN(a) || IsSignalingNaN(b))
                context.Raise(FloatContext.Invalid);
            return Unordered;
        }

        if (FloatLanes.IsDenormal(a) || FloatLanes.IsDenormal(b))
        {
            if ((context.Control & FloatContext.DenormalsAreZero) == 0)
                context.Raise(FloatContext.Denormal);
            a = Flush(a, in context);
            b = Flush(b, in context);
        }

        float x = BitConverter.UInt32BitsToSingle(a);
        float y = BitConverter.UInt32BitsToSingle(b);
        return x < y ? Less : x == y ? Equal : Greater;
    }

    private static bool IsSignalingNaN(ulong bits) => FloatLanes.IsNaN(bits) && (bits & (1UL << 51)) == 0;

    private static bool IsSignalingNaN(uint bits) => FloatLanes.IsNaN(bits) && (bits & (1U << 22)) == 0;
}
