using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;
using Iced.Intel;
using No = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.ScalarConversionHandlers.No;
using Yes = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.ScalarConversionHandlers.Yes;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;

/// <summary>All FPU instructions.</summary>
internal static unsafe class X87Instructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        Arithmetic<X87Arithmetic.Add>(table, Code.Fadd_st0_sti, Code.Fadd_sti_st0, Code.Faddp_sti_st0, Code.Fadd_m32fp, Code.Fadd_m64fp, Code.Fiadd_m16int, Code.Fiadd_m32int);
        Arithmetic<X87Arithmetic.Multiply>(table, Code.Fmul_st0_sti, Code.Fmul_sti_st0, Code.Fmulp_sti_st0, Code.Fmul_m32fp, Code.Fmul_m64fp, Code.Fimul_m16int, Code.Fimul_m32int);
        Arithmetic<X87Arithmetic.Subtract>(table, Code.Fsub_st0_sti, Code.Fsub_sti_st0, Code.Fsubp_sti_st0, Code.Fsub_m32fp, Code.Fsub_m64fp, Code.Fisub_m16int, Code.Fisub_m32int);
        Arithmetic<X87Arithmetic.SubtractReverse>(table, Code.Fsubr_st0_sti, Code.Fsubr_sti_st0, Code.Fsubrp_sti_st0, Code.Fsubr_m32fp, Code.Fsubr_m64fp, Code.Fisubr_m16int, Code.Fisubr_m32int);
        Arithmetic<X87Arithmetic.Divide>(table, Code.Fdiv_st0_sti, Code.Fdiv_sti_st0, Code.Fdivp_sti_st0, Code.Fdiv_m32fp, Code.Fdiv_m64fp, Code.Fidiv_m16int, Code.Fidiv_m32int);
        Arithmetic<X87Arithmetic.DivideReverse>(table, Code.Fdivr_st0_sti, Code.Fdivr_sti_st0, Code.Fdivrp_sti_st0, Code.Fdivr_m32fp, Code.Fdivr_m64fp, Code.Fidivr_m16int, Code.Fidivr_m32int);
        Moves(table);
        Integers(table);
        Comparisons(table);
        ConditionalMoves(table);
        Functions(table);
        Control(table);
        X87Constants.Register(table);
    }

    private static void Arithmetic<T>(
        OpTable table, Code toTop, Code fromTop, Code fromTopAndPop, Code single, Code twice, Code int16, Code int32)
        where T : struct, X87Arithmetic.IOperation
    {
        table.Add(toTop, &X87Arithmetic.ToTop<T>, null);
        table.Add(fromTop, &X87Arithmetic.FromTop<T>, null);
        table.Add(fromTopAndPop, &X87Arithmetic.FromTopAndPop<T>, null);
        table.Add(single, null, &X87Arithmetic.Memory<T, X87Arithmetic.Single>);
        table.Add(twice, null, &X87Arithmetic.Memory<T, X87Arithmetic.Double>);
        table.Add(int16, null, &X87Arithmetic.Memory<T, X87Arithmetic.Int16>);
        table.Add(int32, null, &X87Arithmetic.Memory<T, X87Arithmetic.Int32>);
    }

    private static void Moves(OpTable table)
    {
        table.Add(Code.Fld_m32fp, null, &X87Moves.Load<X87Arithmetic.Single>);
        table.Add(Code.Fld_m64fp, null, &X87Moves.Load<X87Arithmetic.Double>);
        table.Add(Code.Fld_m80fp, null, &X87Moves.LoadExtended);
        table.Add(Code.Fld_sti, &X87Moves.LoadRegister, null);
        table.Add(Code.Fst_m32fp, null, &X87Moves.Store<No, No>);
        table.Add(Code.Fst_m64fp, null, &X87Moves.Store<Yes, No>);
        table.Add(Code.Fstp_m32fp, null, &X87Moves.Store<No, Yes>);
        table.Add(Code.Fstp_m64fp, null, &X87Moves.Store<Yes, Yes>);
        table.Add(Code.Fstp_m80fp, null, &X87Moves.StoreExtended);
        table.Add(Code.Fst_sti, &X87Moves.StoreRegister, null);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Fstp_sti, Code.Fstp_sti_DFD0, Code.Fstp_sti_DFD8])
            table.Add(code, &X87Moves.StoreRegisterAndPop, null);
        table.Add(Code.Fstpnce_sti, &X87Moves.StoreRegisterQuietly, null);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Fxch_st0_sti, Code.Fxch_st0_sti_DDC8, Code.Fxch_st0_sti_DFC8])
            table.Add(code, &X87Moves.Exchange, null);
        table.Add(Code.Fchs, &X87Moves.ChangeSign);
        table.Add(Code.Fabs, &X87Moves.Absolute);
    }

    private static void Integers(OpTable table)
    {
        table.Add(Code.Fild_m16int, null, &X87Moves.Load<X87Arithmetic.Int16>);
        table.Add(Code.Fild_m32int, null, &X87Moves.Load<X87Arithmetic.Int32>);
        table.Add(Code.Fild_m64int, null, &X87Moves.Load<X87Arithmetic.Int64>);
        table.Add(Code.Fist_m16int, null, &X87Integers.Store<short, No, No>);
        table.Add(Code.Fist_m32int, null, &X87Integers.Store<int, No, No>);
        table.Add(Code.Fistp_m16int, null, &X87Integers.Store<short, Yes, No>);
        table.Add(Code.Fistp_m32int, null, &X87Integers.Store<int, Yes, No>);
        table.Add(Code.Fistp_m64int, null, &X87Integers.Store<long, Yes, No>);
        table.Add(Code.Fisttp_m16int, null, &X87Integers.Store<short, Yes, Yes>);
        table.Add(Code.Fisttp_m32int, null, &X87Integers.Store<int, Yes, Yes>);
        table.Add(Code.Fisttp_m64int, null, &X87Integers.Store<long, Yes, Yes>);
        table.Add(Code.Fbld_m80bcd, null, &X87Integers.LoadDecimal);
        table.Add(Code.Fbstp_m80bcd, null, &X87Integers.StoreDecimal);
    }

    private static void Comparisons(OpTable table)
    {
        table.Add(Code.Fcom_st0_sti, &X87Compare.Keep<Yes>, null);
        table.Add(Code.Fcom_st0_sti_DCD0, &X87Compare.Keep<Yes>, null);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Fcomp_st0_sti, Code.Fcomp_st0_sti_DCD8, Code.Fcomp_st0_sti_DED0])
            table.Add(code, &X87Compare.Pop<Yes>, null);
        table.Add(Code.Fucom_st0_sti, &X87Compare.Keep<No>, null);
        table.Add(Code.Fucomp_st0_sti, &X87Compare.Pop<No>, null);
        table.Add(Code.Fcompp, &X87Compare.PopBoth<Yes>);
        table.Add(Code.Fucompp, &X87Compare.PopBoth<No>);
        table.Add(Code.Fcom_m32fp, null, &X87Compare.Memory<X87Arithmetic.Single, No>);
        table.Add(Code.Fcom_m64fp, null, &X87Compare.Memory<X87Arithmetic.Double, No>);
        table.Add(Code.Fcomp_m32fp, null, &X87Compare.Memory<X87Arithmetic.Single, Yes>);
        table.Add(Code.Fcomp_m64fp, null, &X87Compare.Memory<X87Arithmetic.Double, Yes>);
        table.Add(Code.Ficom_m16int, null, &X87Compare.Memory<X87Arithmetic.Int16, No>);
        table.Add(Code.Ficom_m32int, null, &X87Compare.Memory<X87Arithmetic.Int32, No>);
        table.Add(Code.Ficomp_m16int, null, &X87Compare.Memory<X87Arithmetic.Int16, Yes>);
        table.Add(Code.Ficomp_m32int, null, &X87Compare.Memory<X87Arithmetic.Int32, Yes>);
        table.Add(Code.Fcomi_st0_sti, &X87Compare.Flags<Yes, No>, null);
        table.Add(Code.Fcomip_st0_sti, &X87Compare.Flags<Yes, Yes>, null);
        table.Add(Code.Fucomi_st0_sti, &X87Compare.Flags<No, No>, null);
        table.Add(Code.Fucomip_st0_sti, &X87Compare.Flags<No, Yes>, null);
        table.Add(Code.Ftst, &X87Compare.Test);
        table.Add(Code.Fxam, &X87Compare.Examine);
    }

    private static void ConditionalMoves(OpTable table)
    {
        table.Add(Code.Fcmovb_st0_sti, &X87Conditions.IfBelow, null);
        table.Add(Code.Fcmove_st0_sti, &X87Conditions.IfEqual, null);
        table.Add(Code.Fcmovbe_st0_sti, &X87Conditions.IfBelowOrEqual, null);
        table.Add(Code.Fcmovu_st0_sti, &X87Conditions.IfUnordered, null);
        table.Add(Code.Fcmovnb_st0_sti, &X87Conditions.IfNotBelow, null);
        table.Add(Code.Fcmovne_st0_sti, &X87Conditions.IfNotEqual, null);
        table.Add(Code.Fcmovnbe_st0_sti, &X87Conditions.IfNotBelowOrEqual, null);
        table.Add(Code.Fcmovnu_st0_sti, &X87Conditions.IfNotUnordered, null);
    }

    private static void Functions(OpTable table)
    {
        table.Add(Code.Fsqrt, &X87Functions.SquareRoot);
        table.Add(Code.Frndint, &X87Functions.RoundToIntegral);
        table.Add(Code.Fscale, &X87Functions.Scale);
        table.Add(Code.Fxtract, &X87Functions.Extract);
        table.Add(Code.Fprem, &X87Functions.Remainder);
        table.Add(Code.Fprem1, &X87Functions.NearestRemainder);
        table.Add(Code.Fsin, &X87Transcendental.Sine);
        table.Add(Code.Fcos, &X87Transcendental.Cosine);
        table.Add(Code.Fsincos, &X87Transcendental.SineCosine);
        table.Add(Code.Fptan, &X87Transcendental.Tangent);
        table.Add(Code.Fpatan, &X87Transcendental.Arctangent);
        table.Add(Code.F2xm1, &X87Transcendental.PowerMinusOne);
        table.Add(Code.Fyl2x, &X87Transcendental.Logarithm);
        table.Add(Code.Fyl2xp1, &X87Transcendental.LogarithmOfOnePlus);
    }

    private static void Control(OpTable table)
    {
        table.Add(Code.Wait, &X87State.Wait);
        table.Add(Code.Fnop, &X87State.Nothing);
        table.Add(Code.Fneni, &X87State.Obsolete);
        table.Add(Code.Fndisi, &X87State.Obsolete);
        table.Add(Code.Fnsetpm, &X87State.Obsolete);
        table.Add(Code.Fninit, &X87State.Initialize);
        table.Add(Code.Fnclex, &X87State.ClearExceptions);
        table.Add(Code.Fldcw_m2byte, null, &X87State.LoadControl);
        table.Add(Code.Fnstcw_m2byte, null, &X87State.StoreControl);
        table.Add(Code.Fnstsw_m2byte, null, &X87State.StoreStatus);
        table.Add(Code.Fnstsw_AX, &X87State.StatusToAx);
        table.Add(Code.Fincstp, &X87State.Increment);
        table.Add(Code.Fdecstp, &X87State.Decrement);
        table.Add(Code.Ffree_sti, &X87State.Free, null);
        table.Add(Code.Ffreep_sti, &X87State.FreeAndPop, null);
        table.Add(Code.Fnstenv_m14byte, null, &X87State.StoreEnvironment<No>);
        table.Add(Code.Fnstenv_m28byte, null, &X87State.StoreEnvironment<Yes>);
        table.Add(Code.Fldenv_m14byte, null, &X87State.LoadEnvironment<No>);
        table.Add(Code.Fldenv_m28byte, null, &X87State.LoadEnvironment<Yes>);
        table.Add(Code.Fnsave_m94byte, null, &X87State.Save<No>);
        table.Add(Code.Fnsave_m108byte, null, &X87State.Save<Yes>);
        table.Add(Code.Frstor_m94byte, null, &X87State.Restore<No>);
        table.Add(Code.Frstor_m108byte, null, &X87State.Restore<Yes>);
    }
}
