using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Shuffling, packing, blending and widening instructions of MMX, SSE, SSE2, SSSE3, SSE4.1, AVX and AVX2.</summary>
internal static class ShuffleInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        VectorTable.Mmx<Shuffles.Punpcklbw>(table, Code.Punpcklbw_mm_mmm32);
        VectorTable.Packed<Shuffles.Punpcklbw>(table, Code.Punpcklbw_xmm_xmmm128, Code.VEX_Vpunpcklbw_xmm_xmm_xmmm128, Code.VEX_Vpunpcklbw_ymm_ymm_ymmm256);
        VectorTable.Mmx<Shuffles.Punpcklwd>(table, Code.Punpcklwd_mm_mmm32);
        VectorTable.Packed<Shuffles.Punpcklwd>(table, Code.Punpcklwd_xmm_xmmm128, Code.VEX_Vpunpcklwd_xmm_xmm_xmmm128, Code.VEX_Vpunpcklwd_ymm_ymm_ymmm256);
        VectorTable.Mmx<Shuffles.Punpckldq>(table, Code.Punpckldq_mm_mmm32);
        VectorTable.Packed<Shuffles.Punpckldq>(table, Code.Punpckldq_xmm_xmmm128, Code.VEX_Vpunpckldq_xmm_xmm_xmmm128, Code.VEX_Vpunpckldq_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Upper<Shuffles.Punpcklbw>>(table, Code.Punpckhbw_mm_mmm64);
        VectorTable.Packed<Shuffles.Punpckhbw>(table, Code.Punpckhbw_xmm_xmmm128, Code.VEX_Vpunpckhbw_xmm_xmm_xmmm128, Code.VEX_Vpunpckhbw_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Upper<Shuffles.Punpcklwd>>(table, Code.Punpckhwd_mm_mmm64);
        VectorTable.Packed<Shuffles.Punpckhwd>(table, Code.Punpckhwd_xmm_xmmm128, Code.VEX_Vpunpckhwd_xmm_xmm_xmmm128, Code.VEX_Vpunpckhwd_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Upper<Shuffles.Punpckldq>>(table, Code.Punpckhdq_mm_mmm64);
        VectorTable.Packed<Shuffles.Punpckhdq>(table, Code.Punpckhdq_xmm_xmmm128, Code.VEX_Vpunpckhdq_xmm_xmm_xmmm128, Code.VEX_Vpunpckhdq_ymm_ymm_ymmm256);
        VectorTable.Packed<Shuffles.Punpcklqdq>(table, Code.Punpcklqdq_xmm_xmmm128, Code.VEX_Vpunpcklqdq_xmm_xmm_xmmm128, Code.VEX_Vpunpcklqdq_ymm_ymm_ymmm256);
        VectorTable.Packed<Shuffles.Punpckhqdq>(table, Code.Punpckhqdq_xmm_xmmm128, Code.VEX_Vpunpckhqdq_xmm_xmm_xmmm128, Code.VEX_Vpunpckhqdq_ymm_ymm_ymmm256);
        VectorTable.Packed<Shuffles.Punpckldq>(table, Code.Unpcklps_xmm_xmmm128, Code.VEX_Vunpcklps_xmm_xmm_xmmm128, Code.VEX_Vunpcklps_ymm_ymm_ymmm256);
        VectorTable.Packed<Shuffles.Punpckhdq>(table, Code.Unpckhps_xmm_xmmm128, Code.VEX_Vunpckhps_xmm_xmm_xmmm128, Code.VEX_Vunpckhps_ymm_ymm_ymmm256);
        VectorTable.Packed<Shuffles.Punpcklqdq>(table, Code.Unpcklpd_xmm_xmmm128, Code.VEX_Vunpcklpd_xmm_xmm_xmmm128, Code.VEX_Vunpcklpd_ymm_ymm_ymmm256);
        VectorTable.Packed<Shuffles.Punpckhqdq>(table, Code.Unpckhpd_xmm_xmmm128, Code.VEX_Vunpckhpd_xmm_xmm_xmmm128, Code.VEX_Vunpckhpd_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Joined<Shuffles.Packsswb>>(table, Code.Packsswb_mm_mmm64);
        VectorTable.Packed<Shuffles.Packsswb>(table, Code.Packsswb_xmm_xmmm128, Code.VEX_Vpacksswb_xmm_xmm_xmmm128, Code.VEX_Vpacksswb_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Joined<Shuffles.Packssdw>>(table, Code.Packssdw_mm_mmm64);
        VectorTable.Packed<Shuffles.Packssdw>(table, Code.Packssdw_xmm_xmmm128, Code.VEX_Vpackssdw_xmm_xmm_xmmm128, Code.VEX_Vpackssdw_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Joined<Shuffles.Packuswb>>(table, Code.Packuswb_mm_mmm64);
        VectorTable.Packed<Shuffles.Packuswb>(table, Code.Packuswb_xmm_xmmm128, Code.VEX_Vpackuswb_xmm_xmm_xmmm128, Code.VEX_Vpackuswb_ymm_ymm_ymmm256);
        VectorTable.Packed<Shuffles.Packusdw>(table, Code.Packusdw_xmm_xmmm128, Code.VEX_Vpackusdw_xmm_xmm_xmmm128, Code.VEX_Vpackusdw_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Pshufb>(table, Code.Pshufb_mm_mmm64);
        VectorTable.Packed<Shuffles.Pshufb>(table, Code.Pshufb_xmm_xmmm128, Code.VEX_Vpshufb_xmm_xmm_xmmm128, Code.VEX_Vpshufb_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Pshufw>(table, Code.Pshufw_mm_mmm64_imm8);
        VectorTable.Packed<Shuffles.Pshufd>(table, Code.Pshufd_xmm_xmmm128_imm8, Code.VEX_Vpshufd_xmm_xmmm128_imm8, Code.VEX_Vpshufd_ymm_ymmm256_imm8);
        VectorTable.Packed<Shuffles.Pshuflw>(table, Code.Pshuflw_xmm_xmmm128_imm8, Code.VEX_Vpshuflw_xmm_xmmm128_imm8, Code.VEX_Vpshuflw_ymm_ymmm256_imm8);
        VectorTable.Packed<Shuffles.Pshufhw>(table, Code.Pshufhw_xmm_xmmm128_imm8, Code.VEX_Vpshufhw_xmm_xmmm128_imm8, Code.VEX_Vpshufhw_ymm_ymmm256_imm8);
        VectorTable.Packed<Shuffles.Shufps>(table, Code.Shufps_xmm_xmmm128_imm8, Code.VEX_Vshufps_xmm_xmm_xmmm128_imm8, Code.VEX_Vshufps_ymm_ymm_ymmm256_imm8);
        VectorTable.Packed<Shuffles.Pblendw>(table, Code.Pblendw_xmm_xmmm128_imm8, Code.VEX_Vpblendw_xmm_xmm_xmmm128_imm8, Code.VEX_Vpblendw_ymm_ymm_ymmm256_imm8);
        VectorTable.Packed<Shuffles.Shufpd, UpperImmediate<Shuffles.Shufpd, UpperImmediate.Two>>(table, Code.Shufpd_xmm_xmmm128_imm8, Code.VEX_Vshufpd_xmm_xmm_xmmm128_imm8, Code.VEX_Vshufpd_ymm_ymm_ymmm256_imm8);
        VectorTable.Packed<Shuffles.Blendps, UpperImmediate<Shuffles.Blendps, UpperImmediate.Four>>(table, Code.Blendps_xmm_xmmm128_imm8, Code.VEX_Vblendps_xmm_xmm_xmmm128_imm8, Code.VEX_Vblendps_ymm_ymm_ymmm256_imm8);
        VectorTable.Packed<Shuffles.Blendpd, UpperImmediate<Shuffles.Blendpd, UpperImmediate.Two>>(table, Code.Blendpd_xmm_xmmm128_imm8, Code.VEX_Vblendpd_xmm_xmm_xmmm128_imm8, Code.VEX_Vblendpd_ymm_ymm_ymmm256_imm8);
        VectorTable.Mmx<MmxForms.Palignr>(table, Code.Palignr_mm_mmm64_imm8);
        VectorTable.Packed<Shuffles.Palignr>(table, Code.Palignr_xmm_xmmm128_imm8, Code.VEX_Vpalignr_xmm_xmm_xmmm128_imm8, Code.VEX_Vpalignr_ymm_ymm_ymmm256_imm8);
        VectorTable.Packed<Shuffles.Movsldup>(table, Code.Movsldup_xmm_xmmm128, Code.VEX_Vmovsldup_xmm_xmmm128, Code.VEX_Vmovsldup_ymm_ymmm256);
        VectorTable.Packed<Shuffles.Movshdup>(table, Code.Movshdup_xmm_xmmm128, Code.VEX_Vmovshdup_xmm_xmmm128, Code.VEX_Vmovshdup_ymm_ymmm256);
        VectorTable.Partial<Shuffles.Movddup, VectorOperands.Quadword>(table, Code.Movddup_xmm_xmmm64, Code.VEX_Vmovddup_xmm_xmmm64, Code.VEX_Vmovddup_ymm_ymmm256);

        VectorTable.Partial<Extensions.Pmovsxbw, VectorOperands.Quadword>(table, Code.Pmovsxbw_xmm_xmmm64, Code.VEX_Vpmovsxbw_xmm_xmmm64, Code.INVALID);
        VectorTable.Partial<Extensions.Pmovzxbw, VectorOperands.Quadword>(table, Code.Pmovzxbw_xmm_xmmm64, Code.VEX_Vpmovzxbw_xmm_xmmm64, Code.INVALID);
        VectorTable.Partial<Extensions.Pmovsxbd, VectorOperands.Doubleword>(table, Code.Pmovsxbd_xmm_xmmm32, Code.VEX_Vpmovsxbd_xmm_xmmm32, Code.INVALID);
        VectorTable.Partial<Extensions.Pmovzxbd, VectorOperands.Doubleword>(table, Code.Pmovzxbd_xmm_xmmm32, Code.VEX_Vpmovzxbd_xmm_xmmm32, Code.INVALID);
        VectorTable.Partial<Extensions.Pmovsxbq, VectorOperands.Word>(table, Code.Pmovsxbq_xmm_xmmm16, Code.VEX_Vpmovsxbq_xmm_xmmm16, Code.INVALID);
        VectorTable.Partial<Extensions.Pmovzxbq, VectorOperands.Word>(table, Code.Pmovzxbq_xmm_xmmm16, Code.VEX_Vpmovzxbq_xmm_xmmm16, Code.INVALID);
        VectorTable.Partial<Extensions.Pmovsxwd, VectorOperands.Quadword>(table, Code.Pmovsxwd_xmm_xmmm64, Code.VEX_Vpmovsxwd_xmm_xmmm64, Code.INVALID);
        VectorTable.Partial<Extensions.Pmovzxwd, VectorOperands.Quadword>(table, Code.Pmovzxwd_xmm_xmmm64, Code.VEX_Vpmovzxwd_xmm_xmmm64, Code.INVALID);
        VectorTable.Partial<Extensions.Pmovsxwq, VectorOperands.Doubleword>(table, Code.Pmovsxwq_xmm_xmmm32, Code.VEX_Vpmovsxwq_xmm_xmmm32, Code.INVALID);
        VectorTable.Partial<Extensions.Pmovzxwq, VectorOperands.Doubleword>(table, Code.Pmovzxwq_xmm_xmmm32, Code.VEX_Vpmovzxwq_xmm_xmmm32, Code.INVALID);
        VectorTable.Partial<Extensions.Pmovsxdq, VectorOperands.Quadword>(table, Code.Pmovsxdq_xmm_xmmm64, Code.VEX_Vpmovsxdq_xmm_xmmm64, Code.INVALID);
        VectorTable.Partial<Extensions.Pmovzxdq, VectorOperands.Quadword>(table, Code.Pmovzxdq_xmm_xmmm64, Code.VEX_Vpmovzxdq_xmm_xmmm64, Code.INVALID);

        VectorTable.InsertDoubleword(table, Code.Insertps_xmm_xmmm32_imm8, Code.VEX_Vinsertps_xmm_xmm_xmmm32_imm8);
    }
}
