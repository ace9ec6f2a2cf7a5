using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>PCMPxSTRx with and without VEX. Their memory operand need not be aligned.</summary>
internal static unsafe class StringHandlers
{
    /// <summary>With a register.</summary>
    public static bool Register<TEncoding, TExplicit, TWide, TMask>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
        where TExplicit : struct, ScalarConversionHandlers.IChoice
        where TWide : struct, ScalarConversionHandlers.IChoice
        where TMask : struct, ScalarConversionHandlers.IChoice
    {
        if (!TEncoding.Check(cpu))
            return false;
        Finish<TEncoding, TExplicit, TWide, TMask>(cpu.State, op, *SimdUnit.Xmm(cpu.State, op->Rm));
        return true;
    }

    /// <summary>With memory.</summary>
    public static bool Memory<TEncoding, TExplicit, TWide, TMask>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
        where TExplicit : struct, ScalarConversionHandlers.IChoice
        where TWide : struct, ScalarConversionHandlers.IChoice
        where TMask : struct, ScalarConversionHandlers.IChoice
    {
        if (!TEncoding.Check(cpu) || !VectorOperands.Any.TryLoad(cpu, op, out V value))
            return false;
        Finish<TEncoding, TExplicit, TWide, TMask>(cpu.State, op, value);
        return true;
    }

    private static void Finish<TEncoding, TExplicit, TWide, TMask>(CpuState* state, Op* op, V second)
        where TEncoding : struct, GeneralHandlers.IEncoding
        where TExplicit : struct, ScalarConversionHandlers.IChoice
        where TWide : struct, ScalarConversionHandlers.IChoice
        where TMask : struct, ScalarConversionHandlers.IChoice
    {
        int imm = (int)op->Immediate;
        V first = *SimdUnit.Xmm(state, op->Reg);
        int firstLength;
        int secondLength;
        if (TExplicit.Value)
        {
            firstLength = StringCompare.ExplicitLength(TWide.Value ? (long)state->Gpr[0] : (int)state->Gpr[0], imm);
            secondLength = StringCompare.ExplicitLength(TWide.Value ? (long)state->Gpr[2] : (int)state->Gpr[2], imm);
        }
        else
        {
            firstLength = StringCompare.ImplicitLength(first, imm);
            secondLength = StringCompare.ImplicitLength(second, imm);
        }

        uint result = StringCompare.Compare(first, firstLength, second, secondLength, imm);
        if (TMask.Value)
            TEncoding.Set(state, 0, StringCompare.Mask(result, imm));
        else
            state->Gpr[1] = (uint)StringCompare.Index(result, imm);
        // SF tells that the first string has an end, ZF that the second has one, OF bit 0 of the result, CF that there is any.
        int count = StringCompare.Count(imm);
        state->FlagZero = secondLength < count ? 0UL : 1;
        state->FlagSign = (firstLength < count ? 1UL << 63 : 0) | 1;
        bool carry = result != 0;
        bool overflow = (result & 1) != 0;
        state->FlagCarry = (carry ? 1UL << 63 : 0) | (carry ^ overflow ? 1UL << 62 : 0);
        state->FlagAuxiliary = 0;
    }
}
