using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Moves, insertions, extractions and conversions of MMX registers; EMMS.</summary>
internal static unsafe class MmxInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        table.Add(Code.Emms, &Empty);
        table.Add(Code.Movd_mm_rm32, &MmxMoves.FromGeneral<uint>, &MmxMoves.Load<uint>);
        table.Add(Code.Movq_mm_rm64, &MmxMoves.FromGeneral<ulong>, &MmxMoves.Load<ulong>);
        table.Add(Code.Movq_mm_mmm64, &MmxHandlers.Register<VectorMoves.Whole>, &MmxMoves.Load<ulong>);
        table.Add(Code.Movd_rm32_mm, &MmxMoves.ToGeneral<uint>, &MmxMoves.Store<uint>);
        table.Add(Code.Movq_rm64_mm, &MmxMoves.ToGeneral<ulong>, &MmxMoves.Store<ulong>);
        table.Add(Code.Movq_mmm64_mm, &MmxMoves.ToRm, &MmxMoves.Store<ulong>);
        table.Add(Code.Movntq_m64_mm, null, &MmxMoves.Store<ulong>);
        table.Add(Code.Maskmovq_rDI_mm_mm, &MmxMoves.MaskedBytes);
        table.Add(Code.Movq2dq_xmm_mm, &MmxMoves.ToXmm, null);
        table.Add(Code.Movdq2q_mm_xmm, &MmxMoves.FromXmm, null);

        table.Add(Code.Pinsrw_mm_r32m16_imm8, &MmxMoves.InsertWord, &MmxMoves.InsertWordFromMemory);
        table.Add(Code.Pinsrw_mm_r64m16_imm8, &MmxMoves.InsertWord, &MmxMoves.InsertWordFromMemory);
        table.Add(Code.Pextrw_r32_mm_imm8, &MmxMoves.ExtractWord, null);
        table.Add(Code.Pextrw_r64_mm_imm8, &MmxMoves.ExtractWord, null);
        table.Add(Code.Pmovmskb_r32_mm, &MmxMoves.SignBits, null);
        table.Add(Code.Pmovmskb_r64_mm, &MmxMoves.SignBits, null);

        table.Add(Code.Cvtpi2ps_xmm_mmm64, &MmxConversions.ToXmm<FloatConversions.Cvtpi2ps>, &MmxConversions.ToXmmFromMemory<FloatConversions.Cvtpi2ps>);
        table.Add(Code.Cvtpi2pd_xmm_mmm64, &MmxConversions.ToXmm<FloatConversions.Cvtdq2pd>, &SseHandlers.FloatMemory<FloatConversions.Cvtdq2pd, VectorOperands.Quadword>);
        table.Add(Code.Cvtps2pi_mm_xmmm64, &MmxConversions.FromXmm<FloatConversions.Cvtps2pi>, &MmxConversions.FromMemory<FloatConversions.Cvtps2pi, VectorOperands.Quadword>);
        table.Add(Code.Cvttps2pi_mm_xmmm64, &MmxConversions.FromXmm<FloatConversions.Cvttps2pi>, &MmxConversions.FromMemory<FloatConversions.Cvttps2pi, VectorOperands.Quadword>);
        table.Add(Code.Cvtpd2pi_mm_xmmm128, &MmxConversions.FromXmm<FloatConversions.Cvtpd2dq>, &MmxConversions.FromMemory<FloatConversions.Cvtpd2dq, VectorOperands.Aligned>);
        table.Add(Code.Cvttpd2pi_mm_xmmm128, &MmxConversions.FromXmm<FloatConversions.Cvttpd2dq>, &MmxConversions.FromMemory<FloatConversions.Cvttpd2dq, VectorOperands.Aligned>);
    }

    private static bool Empty(SoftwareCpu cpu, Op* op)
    {
        if (!SimdUnit.IsMmxReady(cpu.State))
            return SimdUnit.RefuseMmx(cpu);
        SimdUnit.EnterMmx(cpu.State);
        cpu.State->X87Tag = 0;
        return true;
    }
}
