using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Packed logic, integer comparisons and shifts of MMX, SSE, SSE2, SSE4, AVX and AVX2.</summary>
internal static class PackedLogicInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        VectorTable.Mmx<IntegerLogic.Pand>(table, Code.Pand_mm_mmm64);
        VectorTable.Packed<IntegerLogic.Pand>(table, Code.Pand_xmm_xmmm128, Code.VEX_Vpand_xmm_xmm_xmmm128, Code.VEX_Vpand_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerLogic.Pandn>(table, Code.Pandn_mm_mmm64);
        VectorTable.Packed<IntegerLogic.Pandn>(table, Code.Pandn_xmm_xmmm128, Code.VEX_Vpandn_xmm_xmm_xmmm128, Code.VEX_Vpandn_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerLogic.Por>(table, Code.Por_mm_mmm64);
        VectorTable.Packed<IntegerLogic.Por>(table, Code.Por_xmm_xmmm128, Code.VEX_Vpor_xmm_xmm_xmmm128, Code.VEX_Vpor_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerLogic.Pxor>(table, Code.Pxor_mm_mmm64);
        VectorTable.Packed<IntegerLogic.Pxor>(table, Code.Pxor_xmm_xmmm128, Code.VEX_Vpxor_xmm_xmm_xmmm128, Code.VEX_Vpxor_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerLogic.Pand>(table, Code.Andps_xmm_xmmm128, Code.VEX_Vandps_xmm_xmm_xmmm128, Code.VEX_Vandps_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerLogic.Pand>(table, Code.Andpd_xmm_xmmm128, Code.VEX_Vandpd_xmm_xmm_xmmm128, Code.VEX_Vandpd_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerLogic.Pandn>(table, Code.Andnps_xmm_xmmm128, Code.VEX_Vandnps_xmm_xmm_xmmm128, Code.VEX_Vandnps_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerLogic.Pandn>(table, Code.Andnpd_xmm_xmmm128, Code.VEX_Vandnpd_xmm_xmm_xmmm128, Code.VEX_Vandnpd_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerLogic.Por>(table, Code.Orps_xmm_xmmm128, Code.VEX_Vorps_xmm_xmm_xmmm128, Code.VEX_Vorps_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerLogic.Por>(table, Code.Orpd_xmm_xmmm128, Code.VEX_Vorpd_xmm_xmm_xmmm128, Code.VEX_Vorpd_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerLogic.Pxor>(table, Code.Xorps_xmm_xmmm128, Code.VEX_Vxorps_xmm_xmm_xmmm128, Code.VEX_Vxorps_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerLogic.Pxor>(table, Code.Xorpd_xmm_xmmm128, Code.VEX_Vxorpd_xmm_xmm_xmmm128, Code.VEX_Vxorpd_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerLogic.Pcmpeqb>(table, Code.Pcmpeqb_mm_mmm64);
        VectorTable.Packed<IntegerLogic.Pcmpeqb>(table, Code.Pcmpeqb_xmm_xmmm128, Code.VEX_Vpcmpeqb_xmm_xmm_xmmm128, Code.VEX_Vpcmpeqb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerLogic.Pcmpeqw>(table, Code.Pcmpeqw_mm_mmm64);
        VectorTable.Packed<IntegerLogic.Pcmpeqw>(table, Code.Pcmpeqw_xmm_xmmm128, Code.VEX_Vpcmpeqw_xmm_xmm_xmmm128, Code.VEX_Vpcmpeqw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerLogic.Pcmpeqd>(table, Code.Pcmpeqd_mm_mmm64);
        VectorTable.Packed<IntegerLogic.Pcmpeqd>(table, Code.Pcmpeqd_xmm_xmmm128, Code.VEX_Vpcmpeqd_xmm_xmm_xmmm128, Code.VEX_Vpcmpeqd_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerLogic.Pcmpeqq>(table, Code.Pcmpeqq_xmm_xmmm128, Code.VEX_Vpcmpeqq_xmm_xmm_xmmm128, Code.VEX_Vpcmpeqq_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerLogic.Pcmpgtb>(table, Code.Pcmpgtb_mm_mmm64);
        VectorTable.Packed<IntegerLogic.Pcmpgtb>(table, Code.Pcmpgtb_xmm_xmmm128, Code.VEX_Vpcmpgtb_xmm_xmm_xmmm128, Code.VEX_Vpcmpgtb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerLogic.Pcmpgtw>(table, Code.Pcmpgtw_mm_mmm64);
        VectorTable.Packed<IntegerLogic.Pcmpgtw>(table, Code.Pcmpgtw_xmm_xmmm128, Code.VEX_Vpcmpgtw_xmm_xmm_xmmm128, Code.VEX_Vpcmpgtw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerLogic.Pcmpgtd>(table, Code.Pcmpgtd_mm_mmm64);
        VectorTable.Packed<IntegerLogic.Pcmpgtd>(table, Code.Pcmpgtd_xmm_xmmm128, Code.VEX_Vpcmpgtd_xmm_xmm_xmmm128, Code.VEX_Vpcmpgtd_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerLogic.Pcmpgtq>(table, Code.Pcmpgtq_xmm_xmmm128, Code.VEX_Vpcmpgtq_xmm_xmm_xmmm128, Code.VEX_Vpcmpgtq_ymm_ymm_ymmm256);

        VectorTable.Mmx<IntegerLogic.Psllw>(table, Code.Psllw_mm_mmm64);
        VectorTable.MmxShift<IntegerLogic.PsllwImm>(table, Code.Psllw_mm_imm8);
        VectorTable.Shift<IntegerLogic.Psllw>(table, Code.Psllw_xmm_xmmm128, Code.VEX_Vpsllw_xmm_xmm_xmmm128, Code.VEX_Vpsllw_ymm_ymm_xmmm128);
        VectorTable.ShiftImmediate<IntegerLogic.PsllwImm>(table, Code.Psllw_xmm_imm8, Code.VEX_Vpsllw_xmm_xmm_imm8, Code.VEX_Vpsllw_ymm_ymm_imm8);
        VectorTable.Mmx<IntegerLogic.Pslld>(table, Code.Pslld_mm_mmm64);
        VectorTable.MmxShift<IntegerLogic.PslldImm>(table, Code.Pslld_mm_imm8);
        VectorTable.Shift<IntegerLogic.Pslld>(table, Code.Pslld_xmm_xmmm128, Code.VEX_Vpslld_xmm_xmm_xmmm128, Code.VEX_Vpslld_ymm_ymm_xmmm128);
        VectorTable.ShiftImmediate<IntegerLogic.PslldImm>(table, Code.Pslld_xmm_imm8, Code.VEX_Vpslld_xmm_xmm_imm8, Code.VEX_Vpslld_ymm_ymm_imm8);
        VectorTable.Mmx<IntegerLogic.Psllq>(table, Code.Psllq_mm_mmm64);
        VectorTable.MmxShift<IntegerLogic.PsllqImm>(table, Code.Psllq_mm_imm8);
        VectorTable.Shift<IntegerLogic.Psllq>(table, Code.Psllq_xmm_xmmm128, Code.VEX_Vpsllq_xmm_xmm_xmmm128, Code.VEX_Vpsllq_ymm_ymm_xmmm128);
        VectorTable.ShiftImmediate<IntegerLogic.PsllqImm>(table, Code.Psllq_xmm_imm8, Code.VEX_Vpsllq_xmm_xmm_imm8, Code.VEX_Vpsllq_ymm_ymm_imm8);
        VectorTable.Mmx<IntegerLogic.Psrlw>(table, Code.Psrlw_mm_mmm64);
        VectorTable.MmxShift<IntegerLogic.PsrlwImm>(table, Code.Psrlw_mm_imm8);
        VectorTable.Shift<IntegerLogic.Psrlw>(table, Code.Psrlw_xmm_xmmm128, Code.VEX_Vpsrlw_xmm_xmm_xmmm128, Code.VEX_Vpsrlw_ymm_ymm_xmmm128);
        VectorTable.ShiftImmediate<IntegerLogic.PsrlwImm>(table, Code.Psrlw_xmm_imm8, Code.VEX_Vpsrlw_xmm_xmm_imm8, Code.VEX_Vpsrlw_ymm_ymm_imm8);
        VectorTable.Mmx<IntegerLogic.Psrld>(table, Code.Psrld_mm_mmm64);
        VectorTable.MmxShift<IntegerLogic.PsrldImm>(table, Code.Psrld_mm_imm8);
        VectorTable.Shift<IntegerLogic.Psrld>(table, Code.Psrld_xmm_xmmm128, Code.VEX_Vpsrld_xmm_xmm_xmmm128, Code.VEX_Vpsrld_ymm_ymm_xmmm128);
        VectorTable.ShiftImmediate<IntegerLogic.PsrldImm>(table, Code.Psrld_xmm_imm8, Code.VEX_Vpsrld_xmm_xmm_imm8, Code.VEX_Vpsrld_ymm_ymm_imm8);
        VectorTable.Mmx<IntegerLogic.Psrlq>(table, Code.Psrlq_mm_mmm64);
        VectorTable.MmxShift<IntegerLogic.PsrlqImm>(table, Code.Psrlq_mm_imm8);
        VectorTable.Shift<IntegerLogic.Psrlq>(table, Code.Psrlq_xmm_xmmm128, Code.VEX_Vpsrlq_xmm_xmm_xmmm128, Code.VEX_Vpsrlq_ymm_ymm_xmmm128);
        VectorTable.ShiftImmediate<IntegerLogic.PsrlqImm>(table, Code.Psrlq_xmm_imm8, Code.VEX_Vpsrlq_xmm_xmm_imm8, Code.VEX_Vpsrlq_ymm_ymm_imm8);
        VectorTable.Mmx<IntegerLogic.Psraw>(table, Code.Psraw_mm_mmm64);
        VectorTable.MmxShift<IntegerLogic.PsrawImm>(table, Code.Psraw_mm_imm8);
        VectorTable.Shift<IntegerLogic.Psraw>(table, Code.Psraw_xmm_xmmm128, Code.VEX_Vpsraw_xmm_xmm_xmmm128, Code.VEX_Vpsraw_ymm_ymm_xmmm128);
        VectorTable.ShiftImmediate<IntegerLogic.PsrawImm>(table, Code.Psraw_xmm_imm8, Code.VEX_Vpsraw_xmm_xmm_imm8, Code.VEX_Vpsraw_ymm_ymm_imm8);
        VectorTable.Mmx<IntegerLogic.Psrad>(table, Code.Psrad_mm_mmm64);
        VectorTable.MmxShift<IntegerLogic.PsradImm>(table, Code.Psrad_mm_imm8);
        VectorTable.Shift<IntegerLogic.Psrad>(table, Code.Psrad_xmm_xmmm128, Code.VEX_Vpsrad_xmm_xmm_xmmm128, Code.VEX_Vpsrad_ymm_ymm_xmmm128);
        VectorTable.ShiftImmediate<IntegerLogic.PsradImm>(table, Code.Psrad_xmm_imm8, Code.VEX_Vpsrad_xmm_xmm_imm8, Code.VEX_Vpsrad_ymm_ymm_imm8);
        VectorTable.ShiftImmediate<IntegerLogic.Pslldq>(table, Code.Pslldq_xmm_imm8, Code.VEX_Vpslldq_xmm_xmm_imm8, Code.VEX_Vpslldq_ymm_ymm_imm8);
        VectorTable.ShiftImmediate<IntegerLogic.Psrldq>(table, Code.Psrldq_xmm_imm8, Code.VEX_Vpsrldq_xmm_xmm_imm8, Code.VEX_Vpsrldq_ymm_ymm_imm8);
    }
}
