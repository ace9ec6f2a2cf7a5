using Iced.Intel;
using Sse = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.GeneralHandlers.Sse;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Moves between vector registers and memory of SSE, SSE2, SSE3 and SSE4.1.</summary>
internal static unsafe class MoveInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movaps_xmm_xmmm128, Code.Movapd_xmm_xmmm128, Code.Movdqa_xmm_xmmm128])
            table.Add(code, &SseHandlers.Register<VectorMoves.Whole>, &SseHandlers.Memory<VectorMoves.Whole, VectorOperands.Aligned>);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movups_xmm_xmmm128, Code.Movupd_xmm_xmmm128, Code.Movdqu_xmm_xmmm128])
            table.Add(code, &SseHandlers.Register<VectorMoves.Whole>, &SseHandlers.Memory<VectorMoves.Whole, VectorOperands.Any>);
        table.Add(Code.Lddqu_xmm_m128, null, &SseHandlers.Memory<VectorMoves.Whole, VectorOperands.Any>);
        table.Add(Code.Movntdqa_xmm_m128, null, &SseHandlers.Memory<VectorMoves.Whole, VectorOperands.Aligned>);

        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movaps_xmmm128_xmm, Code.Movapd_xmmm128_xmm, Code.Movdqa_xmmm128_xmm])
            table.Add(code, &StoreHandlers.Register<VectorMoves.Whole>, &StoreHandlers.Aligned<Sse>);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movups_xmmm128_xmm, Code.Movupd_xmmm128_xmm, Code.Movdqu_xmmm128_xmm])
            table.Add(code, &StoreHandlers.Register<VectorMoves.Whole>, &StoreHandlers.Any<Sse>);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movntps_m128_xmm, Code.Movntpd_m128_xmm, Code.Movntdq_m128_xmm])
            table.Add(code, null, &StoreHandlers.Aligned<Sse>);

        table.Add(Code.Movss_xmm_xmmm32, &SseHandlers.Register<VectorMoves.Single>, &SseHandlers.Memory<VectorMoves.Whole, VectorOperands.Doubleword>);
        table.Add(Code.Movsd_xmm_xmmm64, &SseHandlers.Register<VectorMoves.Lower>, &SseHandlers.Memory<VectorMoves.Whole, VectorOperands.Quadword>);
        table.Add(Code.Movss_xmmm32_xmm, &StoreHandlers.Register<VectorMoves.Single>, &StoreHandlers.Doubleword<Sse>);
        table.Add(Code.Movsd_xmmm64_xmm, &StoreHandlers.Register<VectorMoves.Lower>, &StoreHandlers.Quadword<Sse>);
        table.Add(Code.Movq_xmm_xmmm64, &SseHandlers.Register<VectorMoves.LowerAlone>, &SseHandlers.Memory<VectorMoves.Whole, VectorOperands.Quadword>);
        table.Add(Code.Movq_xmmm64_xmm, &StoreHandlers.Register<VectorMoves.LowerAlone>, &StoreHandlers.Quadword<Sse>);

        table.Add(Code.Movlps_xmm_m64, null, &SseHandlers.Memory<VectorMoves.Lower, VectorOperands.Quadword>);
        table.Add(Code.Movlpd_xmm_m64, null, &SseHandlers.Memory<VectorMoves.Lower, VectorOperands.Quadword>);
        table.Add(Code.Movhps_xmm_m64, null, &SseHandlers.Memory<VectorMoves.LowerToUpper, VectorOperands.Quadword>);
        table.Add(Code.Movhpd_xmm_m64, null, &SseHandlers.Memory<VectorMoves.LowerToUpper, VectorOperands.Quadword>);
        table.Add(Code.Movhlps_xmm_xmm, &SseHandlers.Register<VectorMoves.UpperToLower>, null);
        table.Add(Code.Movlhps_xmm_xmm, &SseHandlers.Register<VectorMoves.LowerToUpper>, null);
        table.Add(Code.Movlps_m64_xmm, null, &StoreHandlers.Quadword<Sse>);
        table.Add(Code.Movlpd_m64_xmm, null, &StoreHandlers.Quadword<Sse>);
        table.Add(Code.Movhps_m64_xmm, null, &StoreHandlers.UpperQuadword<Sse>);
        table.Add(Code.Movhpd_m64_xmm, null, &StoreHandlers.UpperQuadword<Sse>);
        table.Add(Code.Maskmovdqu_rDI_xmm_xmm, &StoreHandlers.MaskedBytes<Sse>);
    }
}
