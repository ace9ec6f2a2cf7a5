using Iced.Intel;
using Vex = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.GeneralHandlers.Vex;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Moves between vector registers and memory of AVX and AVX2.</summary>
internal static unsafe class AvxMoveInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        foreach (Code code in (ReadOnlySpan<Code>)[Code.VEX_Vmovaps_xmm_xmmm128, Code.VEX_Vmovapd_xmm_xmmm128, Code.VEX_Vmovdqa_xmm_xmmm128])
            table.Add(code, &VexHandlers.Register128<VectorMoves.Whole>, &VexHandlers.Memory128<VectorMoves.Whole, VectorOperands.Aligned>);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.VEX_Vmovups_xmm_xmmm128, Code.VEX_Vmovupd_xmm_xmmm128, Code.VEX_Vmovdqu_xmm_xmmm128])
            table.Add(code, &VexHandlers.Register128<VectorMoves.Whole>, &VexHandlers.Memory128<VectorMoves.Whole, VectorOperands.Any>);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.VEX_Vmovaps_ymm_ymmm256, Code.VEX_Vmovapd_ymm_ymmm256, Code.VEX_Vmovdqa_ymm_ymmm256])
            table.Add(code, &WideHandlers.Register<WideMoves.Whole>, &WideHandlers.Memory<WideMoves.Whole, WideHandlers.Aligned>);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.VEX_Vmovups_ymm_ymmm256, Code.VEX_Vmovupd_ymm_ymmm256, Code.VEX_Vmovdqu_ymm_ymmm256])
            table.Add(code, &WideHandlers.Register<WideMoves.Whole>, &WideHandlers.Memory<WideMoves.Whole, WideHandlers.Any>);
        table.Add(Code.VEX_Vlddqu_xmm_m128, null, &VexHandlers.Memory128<VectorMoves.Whole, VectorOperands.Any>);
        table.Add(Code.VEX_Vlddqu_ymm_m256, null, &WideHandlers.Memory<WideMoves.Whole, WideHandlers.Any>);
        table.Add(Code.VEX_Vmovntdqa_xmm_m128, null, &VexHandlers.Memory128<VectorMoves.Whole, VectorOperands.Aligned>);
        table.Add(Code.VEX_Vmovntdqa_ymm_m256, null, &WideHandlers.Memory<WideMoves.Whole, WideHandlers.Aligned>);

        foreach (Code code in (ReadOnlySpan<Code>)[Code.VEX_Vmovaps_xmmm128_xmm, Code.VEX_Vmovapd_xmmm128_xmm, Code.VEX_Vmovdqa_xmmm128_xmm])
            table.Add(code, &VexMoveHandlers.ToRm<VectorMoves.Whole>, &StoreHandlers.Aligned<Vex>);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.VEX_Vmovups_xmmm128_xmm, Code.VEX_Vmovupd_xmmm128_xmm, Code.VEX_Vmovdqu_xmmm128_xmm])
            table.Add(code, &VexMoveHandlers.ToRm<VectorMoves.Whole>, &StoreHandlers.Any<Vex>);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.VEX_Vmovaps_ymmm256_ymm, Code.VEX_Vmovapd_ymmm256_ymm, Code.VEX_Vmovdqa_ymmm256_ymm])
            table.Add(code, &VexMoveHandlers.ToRm256, &WideHandlers.StoreAligned);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.VEX_Vmovups_ymmm256_ymm, Code.VEX_Vmovupd_ymmm256_ymm, Code.VEX_Vmovdqu_ymmm256_ymm])
            table.Add(code, &VexMoveHandlers.ToRm256, &WideHandlers.Store);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.VEX_Vmovntps_m128_xmm, Code.VEX_Vmovntpd_m128_xmm, Code.VEX_Vmovntdq_m128_xmm])
            table.Add(code, null, &StoreHandlers.Aligned<Vex>);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.VEX_Vmovntps_m256_ymm, Code.VEX_Vmovntpd_m256_ymm, Code.VEX_Vmovntdq_m256_ymm])
            table.Add(code, null, &WideHandlers.StoreAligned);

        table.Add(Code.VEX_Vmovss_xmm_xmm_xmm, &VexHandlers.Register128<VectorMoves.Single>, null);
        table.Add(Code.VEX_Vmovsd_xmm_xmm_xmm, &VexHandlers.Register128<VectorMoves.Lower>, null);
        table.Add(Code.VEX_Vmovss_xmm_xmm_xmm_0F11, &VexMoveHandlers.ToRm<VectorMoves.Single>, null);
        table.Add(Code.VEX_Vmovsd_xmm_xmm_xmm_0F11, &VexMoveHandlers.ToRm<VectorMoves.Lower>, null);
        table.Add(Code.VEX_Vmovss_xmm_m32, null, &VexHandlers.Memory128<VectorMoves.Whole, VectorOperands.Doubleword>);
        table.Add(Code.VEX_Vmovsd_xmm_m64, null, &VexHandlers.Memory128<VectorMoves.Whole, VectorOperands.Quadword>);
        table.Add(Code.VEX_Vmovss_m32_xmm, null, &StoreHandlers.Doubleword<Vex>);
        table.Add(Code.VEX_Vmovsd_m64_xmm, null, &StoreHandlers.Quadword<Vex>);
        table.Add(Code.VEX_Vmovq_xmm_xmmm64, &VexHandlers.Register128<VectorMoves.LowerAlone>, &VexHandlers.Memory128<VectorMoves.Whole, VectorOperands.Quadword>);
        table.Add(Code.VEX_Vmovq_xmmm64_xmm, &VexMoveHandlers.ToRm<VectorMoves.LowerAlone>, &StoreHandlers.Quadword<Vex>);

        table.Add(Code.VEX_Vmovlps_xmm_xmm_m64, null, &VexHandlers.Memory128<VectorMoves.Lower, VectorOperands.Quadword>);
        table.Add(Code.VEX_Vmovlpd_xmm_xmm_m64, null, &VexHandlers.Memory128<VectorMoves.Lower, VectorOperands.Quadword>);
        table.Add(Code.VEX_Vmovhps_xmm_xmm_m64, null, &VexHandlers.Memory128<VectorMoves.LowerToUpper, VectorOperands.Quadword>);
        table.Add(Code.VEX_Vmovhpd_xmm_xmm_m64, null, &VexHandlers.Memory128<VectorMoves.LowerToUpper, VectorOperands.Quadword>);
        table.Add(Code.VEX_Vmovhlps_xmm_xmm_xmm, &VexHandlers.Register128<VectorMoves.UpperToLower>, null);
        table.Add(Code.VEX_Vmovlhps_xmm_xmm_xmm, &VexHandlers.Register128<VectorMoves.LowerToUpper>, null);
        table.Add(Code.VEX_Vmovlps_m64_xmm, null, &StoreHandlers.Quadword<Vex>);
        table.Add(Code.VEX_Vmovlpd_m64_xmm, null, &StoreHandlers.Quadword<Vex>);
        table.Add(Code.VEX_Vmovhps_m64_xmm, null, &StoreHandlers.UpperQuadword<Vex>);
        table.Add(Code.VEX_Vmovhpd_m64_xmm, null, &StoreHandlers.UpperQuadword<Vex>);
        table.Add(Code.VEX_Vmaskmovdqu_rDI_xmm_xmm, &StoreHandlers.MaskedBytes<Vex>);

        table.Add(Code.VEX_Vmovmskps_r32_ymm, &GeneralHandlers.SignBits256<float>, null);
        table.Add(Code.VEX_Vmovmskps_r64_ymm, &GeneralHandlers.SignBits256<float>, null);
        table.Add(Code.VEX_Vmovmskpd_r32_ymm, &GeneralHandlers.SignBits256<double>, null);
        table.Add(Code.VEX_Vmovmskpd_r64_ymm, &GeneralHandlers.SignBits256<double>, null);
        table.Add(Code.VEX_Vpmovmskb_r32_ymm, &GeneralHandlers.SignBits256<byte>, null);
        table.Add(Code.VEX_Vpmovmskb_r64_ymm, &GeneralHandlers.SignBits256<byte>, null);

        table.Add(Code.VEX_Vextractf128_xmmm128_ymm_imm8, &VexMoveHandlers.ExtractHalf, &VexMoveHandlers.ExtractHalfToMemory);
        table.Add(Code.VEX_Vextracti128_xmmm128_ymm_imm8, &VexMoveHandlers.ExtractHalf, &VexMoveHandlers.ExtractHalfToMemory);
        table.Add(Code.VEX_Vzeroupper, &VexMoveHandlers.ZeroUpper);
        table.Add(Code.VEX_Vzeroall, &VexMoveHandlers.ZeroAll);
        AddMasked<uint>(
            table, Code.VEX_Vmaskmovps_xmm_xmm_m128, Code.VEX_Vmaskmovps_ymm_ymm_m256, Code.VEX_Vmaskmovps_m128_xmm_xmm, Code.VEX_Vmaskmovps_m256_ymm_ymm);
        AddMasked<ulong>(
            table, Code.VEX_Vmaskmovpd_xmm_xmm_m128, Code.VEX_Vmaskmovpd_ymm_ymm_m256, Code.VEX_Vmaskmovpd_m128_xmm_xmm, Code.VEX_Vmaskmovpd_m256_ymm_ymm);
        AddMasked<uint>(
            table, Code.VEX_Vpmaskmovd_xmm_xmm_m128, Code.VEX_Vpmaskmovd_ymm_ymm_m256, Code.VEX_Vpmaskmovd_m128_xmm_xmm, Code.VEX_Vpmaskmovd_m256_ymm_ymm);
        AddMasked<ulong>(
            table, Code.VEX_Vpmaskmovq_xmm_xmm_m128, Code.VEX_Vpmaskmovq_ymm_ymm_m256, Code.VEX_Vpmaskmovq_m128_xmm_xmm, Code.VEX_Vpmaskmovq_m256_ymm_ymm);
        AddGather<uint, int>(table, Code.VEX_Vpgatherdd_xmm_vm32x_xmm, Code.VEX_Vpgatherdd_ymm_vm32y_ymm);
        AddGather<ulong, int>(table, Code.VEX_Vpgatherdq_xmm_vm32x_xmm, Code.VEX_Vpgatherdq_ymm_vm32x_ymm);
        AddGather<uint, long>(table, Code.VEX_Vpgatherqd_xmm_vm64x_xmm, Code.VEX_Vpgatherqd_xmm_vm64y_xmm);
        AddGather<ulong, long>(table, Code.VEX_Vpgatherqq_xmm_vm64x_xmm, Code.VEX_Vpgatherqq_ymm_vm64y_ymm);
        AddGather<uint, int>(table, Code.VEX_Vgatherdps_xmm_vm32x_xmm, Code.VEX_Vgatherdps_ymm_vm32y_ymm);
        AddGather<ulong, int>(table, Code.VEX_Vgatherdpd_xmm_vm32x_xmm, Code.VEX_Vgatherdpd_ymm_vm32x_ymm);
        AddGather<uint, long>(table, Code.VEX_Vgatherqps_xmm_vm64x_xmm, Code.VEX_Vgatherqps_xmm_vm64y_xmm);
        AddGather<ulong, long>(table, Code.VEX_Vgatherqpd_xmm_vm64x_xmm, Code.VEX_Vgatherqpd_ymm_vm64y_ymm);
    }

    private static void AddMasked<T>(OpTable table, Code load128, Code load256, Code store128, Code store256)
        where T : unmanaged
    {
        table.Add(load128, null, &MaskedMoveHandlers.Load<T, ScalarConversionHandlers.No>);
        table.Add(load256, null, &MaskedMoveHandlers.Load<T, ScalarConversionHandlers.Yes>);
        table.Add(store128, null, &MaskedMoveHandlers.Store<T, ScalarConversionHandlers.No>);
        table.Add(store256, null, &MaskedMoveHandlers.Store<T, ScalarConversionHandlers.Yes>);
    }

    private static void AddGather<T, TIndex>(OpTable table, Code narrow, Code wide)
        where T : unmanaged
        where TIndex : unmanaged
    {
        table.Add(narrow, null, &MaskedMoveHandlers.Gather<T, TIndex, ScalarConversionHandlers.No>);
        table.Add(wide, null, &MaskedMoveHandlers.Gather<T, TIndex, ScalarConversionHandlers.Yes>);
    }
}
