namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>Random registers: everything is allowed but unmasked floating-point exceptions, which would be signals.</summary>
internal static unsafe class RandomState
{
    private const ulong ArithmeticFlags = 0x8D5;
    private const ulong AlwaysFlags = 0x202;

    public static void Fill(TestRandom random, RegisterImage* image)
    {
        new Span<byte>(image, RegisterImage.Size).Clear();
        for (int i = 0; i < 16; i++)
            image->Gpr[i] = OperandValues.Integer(random);
        image->Gpr[4] = CodeLayout.Stack;
        image->Flags = (random.Next() & ArithmeticFlags) | AlwaysFlags;
        Extended(random, new Span<byte>(image->Extended, RegisterImage.ExtendedSize));
    }

    /// <summary>An XSAVE area that FXRSTOR takes as well.</summary>
    public static void Extended(TestRandom random, Span<byte> area)
    {
        area.Clear();
        BitConverter.TryWriteBytes(area, X87Control(random));
        BitConverter.TryWriteBytes(area[2..], X87Status(random));
        area[4] = X87Tag(random, area[3] >> 3 & 7);
        BitConverter.TryWriteBytes(area[24..], Mxcsr(random));
        BitConverter.TryWriteBytes(area[28..], 0xFFFFU);
        for (int i = 0; i < 8; i++)
            Register(random, area.Slice(32 + (16 * i), 10));
        OperandValues.Vectors(random, area.Slice(160, 256));
        area[512] = 7;
        OperandValues.Vectors(random, area.Slice(576, 256));
    }

    public static uint Mxcsr(TestRandom random)
    {
        uint value = 0x1F80 | (uint)(random.Next() & 0x3F);
        if (random.Chance(50))
            value |= (uint)random.Below(4) << 13;
        if (random.Chance(25))
            value |= 0x8000;
        if (random.Chance(25))
            value |= 0x40;
        return value;
    }

    /// <summary>All masked; any rounding, any precision but the reserved one.</summary>
    public static ushort X87Control(TestRandom random)
    {
        int precision = random.Chance(50) ? 3 : random.Pick((ReadOnlySpan<int>)[0, 2, 3]);
        int rounding = random.Chance(50) ? 0 : random.Below(4);
        return (ushort)(0x7F | (precision << 8) | (rounding << 10));
    }

    public static ushort X87Status(TestRandom random) => (ushort)(random.Next() & 0x7F7F);

    public static void Register(TestRandom random, Span<byte> bytes)
    {
        (ulong significand, ushort signExponent) = OperandValues.Extended(random);
        BitConverter.TryWriteBytes(bytes, significand);
        BitConverter.TryWriteBytes(bytes[8..], signExponent);
    }

    // Full, empty from some register on, or anything.
    private static byte X87Tag(TestRandom random, int top)
    {
        int kind = random.Below(10);
        if (kind < 2)
            return 0xFF;
        if (kind < 4)
            return (byte)random.Next();
        int used = (1 << (2 + random.Below(6))) - 1;
        return (byte)((used << top) | (used >> (8 - top)));
    }
}
