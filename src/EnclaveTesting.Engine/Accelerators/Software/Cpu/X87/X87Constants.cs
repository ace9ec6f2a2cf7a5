using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>FLD1, FLDZ, FLDPI and the logarithms: kept with more bits than fit, so that the rounding mode counts.</summary>
internal static unsafe class X87Constants
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        table.Add(Code.Fld1, &LoadOne);
        table.Add(Code.Fldz, &LoadZero);
        table.Add(Code.Fldpi, &LoadPi);
        table.Add(Code.Fldl2t, &LoadBinaryLogarithmOfTen);
        table.Add(Code.Fldl2e, &LoadBinaryLogarithmOfE);
        table.Add(Code.Fldlg2, &LoadDecimalLogarithmOfTwo);
        table.Add(Code.Fldln2, &LoadNaturalLogarithmOfTwo);
    }

    private static bool LoadOne(SoftwareCpu cpu, Op* op) => Exact(cpu, op, 0x8000_0000_0000_0000, 0x3FFF);

    private static bool LoadZero(SoftwareCpu cpu, Op* op) => Exact(cpu, op, 0, 0);

    private static bool LoadPi(SoftwareCpu cpu, Op* op) => Truncated(cpu, op, 0xC90F_DAA2_2168_C234, 0x4000, true);

    private static bool LoadBinaryLogarithmOfTen(SoftwareCpu cpu, Op* op) => Truncated(cpu, op, 0xD49A_784B_CD1B_8AFE, 0x4000, false);

    private static bool LoadBinaryLogarithmOfE(SoftwareCpu cpu, Op* op) => Truncated(cpu, op, 0xB8AA_3B29_5C17_F0BB, 0x3FFF, true);

    private static bool LoadDecimalLogarithmOfTwo(SoftwareCpu cpu, Op* op) => Truncated(cpu, op, 0x9A20_9A84_FBCF_F798, 0x3FFD, true);

    private static bool LoadNaturalLogarithmOfTwo(SoftwareCpu cpu, Op* op) => Truncated(cpu, op, 0xB172_17F7_D1CF_79AB, 0x3FFE, true);

    private static bool Exact(SoftwareCpu cpu, Op* op, ulong significand, ushort exponent)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        X87Moves.Push(cpu.State, significand, exponent);
        return true;
    }

    private static bool Truncated(SoftwareCpu cpu, Op* op, ulong significand, ushort exponent, bool roundsUp)
    {
        if (!X87Unit.Begin(cpu, op))
            return false;
        X87Moves.PushConstant(cpu.State, significand, exponent, roundsUp);
        return true;
    }
}
