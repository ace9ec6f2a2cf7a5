using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Floating-point arithmetic, comparisons and conversions between vectors of SSE to SSE4.1 and AVX.</summary>
internal static class FloatInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        VectorTable.Float<FloatArithmetic.PackedSingle<Arithmetic.Add>>(table, Code.Addps_xmm_xmmm128, Code.VEX_Vaddps_xmm_xmm_xmmm128, Code.VEX_Vaddps_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.PackedDouble<Arithmetic.Add>>(table, Code.Addpd_xmm_xmmm128, Code.VEX_Vaddpd_xmm_xmm_xmmm128, Code.VEX_Vaddpd_ymm_ymm_ymmm256);
        VectorTable.FloatPartial<FloatArithmetic.ScalarSingle<Arithmetic.Add>, VectorOperands.Doubleword>(table, Code.Addss_xmm_xmmm32, Code.VEX_Vaddss_xmm_xmm_xmmm32);
        VectorTable.FloatPartial<FloatArithmetic.ScalarDouble<Arithmetic.Add>, VectorOperands.Quadword>(table, Code.Addsd_xmm_xmmm64, Code.VEX_Vaddsd_xmm_xmm_xmmm64);
        VectorTable.Float<FloatArithmetic.PackedSingle<Arithmetic.Subtract>>(table, Code.Subps_xmm_xmmm128, Code.VEX_Vsubps_xmm_xmm_xmmm128, Code.VEX_Vsubps_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.PackedDouble<Arithmetic.Subtract>>(table, Code.Subpd_xmm_xmmm128, Code.VEX_Vsubpd_xmm_xmm_xmmm128, Code.VEX_Vsubpd_ymm_ymm_ymmm256);
        VectorTable.FloatPartial<FloatArithmetic.ScalarSingle<Arithmetic.Subtract>, VectorOperands.Doubleword>(table, Code.Subss_xmm_xmmm32, Code.VEX_Vsubss_xmm_xmm_xmmm32);
        VectorTable.FloatPartial<FloatArithmetic.ScalarDouble<Arithmetic.Subtract>, VectorOperands.Quadword>(table, Code.Subsd_xmm_xmmm64, Code.VEX_Vsubsd_xmm_xmm_xmmm64);
        VectorTable.Float<FloatArithmetic.PackedSingle<Arithmetic.Multiply>>(table, Code.Mulps_xmm_xmmm128, Code.VEX_Vmulps_xmm_xmm_xmmm128, Code.VEX_Vmulps_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.PackedDouble<Arithmetic.Multiply>>(table, Code.Mulpd_xmm_xmmm128, Code.VEX_Vmulpd_xmm_xmm_xmmm128, Code.VEX_Vmulpd_ymm_ymm_ymmm256);
        VectorTable.FloatPartial<FloatArithmetic.ScalarSingle<Arithmetic.Multiply>, VectorOperands.Doubleword>(table, Code.Mulss_xmm_xmmm32, Code.VEX_Vmulss_xmm_xmm_xmmm32);
        VectorTable.FloatPartial<FloatArithmetic.ScalarDouble<Arithmetic.Multiply>, VectorOperands.Quadword>(table, Code.Mulsd_xmm_xmmm64, Code.VEX_Vmulsd_xmm_xmm_xmmm64);
        VectorTable.Float<FloatArithmetic.PackedSingle<Arithmetic.Divide>>(table, Code.Divps_xmm_xmmm128, Code.VEX_Vdivps_xmm_xmm_xmmm128, Code.VEX_Vdivps_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.PackedDouble<Arithmetic.Divide>>(table, Code.Divpd_xmm_xmmm128, Code.VEX_Vdivpd_xmm_xmm_xmmm128, Code.VEX_Vdivpd_ymm_ymm_ymmm256);
        VectorTable.FloatPartial<FloatArithmetic.ScalarSingle<Arithmetic.Divide>, VectorOperands.Doubleword>(table, Code.Divss_xmm_xmmm32, Code.VEX_Vdivss_xmm_xmm_xmmm32);
        VectorTable.FloatPartial<FloatArithmetic.ScalarDouble<Arithmetic.Divide>, VectorOperands.Quadword>(table, Code.Divsd_xmm_xmmm64, Code.VEX_Vdivsd_xmm_xmm_xmmm64);
        VectorTable.Float<FloatArithmetic.Sqrtps>(table, Code.Sqrtps_xmm_xmmm128, Code.VEX_Vsqrtps_xmm_xmmm128, Code.VEX_Vsqrtps_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.Sqrtpd>(table, Code.Sqrtpd_xmm_xmmm128, Code.VEX_Vsqrtpd_xmm_xmmm128, Code.VEX_Vsqrtpd_ymm_ymmm256);
        VectorTable.FloatPartial<FloatArithmetic.Sqrtss, VectorOperands.Doubleword>(table, Code.Sqrtss_xmm_xmmm32, Code.VEX_Vsqrtss_xmm_xmm_xmmm32);
        VectorTable.FloatPartial<FloatArithmetic.Sqrtsd, VectorOperands.Quadword>(table, Code.Sqrtsd_xmm_xmmm64, Code.VEX_Vsqrtsd_xmm_xmm_xmmm64);
        VectorTable.Float<FloatArithmetic.Minps>(table, Code.Minps_xmm_xmmm128, Code.VEX_Vminps_xmm_xmm_xmmm128, Code.VEX_Vminps_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.Minpd>(table, Code.Minpd_xmm_xmmm128, Code.VEX_Vminpd_xmm_xmm_xmmm128, Code.VEX_Vminpd_ymm_ymm_ymmm256);
        VectorTable.FloatPartial<FloatArithmetic.Minss, VectorOperands.Doubleword>(table, Code.Minss_xmm_xmmm32, Code.VEX_Vminss_xmm_xmm_xmmm32);
        VectorTable.FloatPartial<FloatArithmetic.Minsd, VectorOperands.Quadword>(table, Code.Minsd_xmm_xmmm64, Code.VEX_Vminsd_xmm_xmm_xmmm64);
        VectorTable.Float<FloatArithmetic.Maxps>(table, Code.Maxps_xmm_xmmm128, Code.VEX_Vmaxps_xmm_xmm_xmmm128, Code.VEX_Vmaxps_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.Maxpd>(table, Code.Maxpd_xmm_xmmm128, Code.VEX_Vmaxpd_xmm_xmm_xmmm128, Code.VEX_Vmaxpd_ymm_ymm_ymmm256);
        VectorTable.FloatPartial<FloatArithmetic.Maxss, VectorOperands.Doubleword>(table, Code.Maxss_xmm_xmmm32, Code.VEX_Vmaxss_xmm_xmm_xmmm32);
        VectorTable.FloatPartial<FloatArithmetic.Maxsd, VectorOperands.Quadword>(table, Code.Maxsd_xmm_xmmm64, Code.VEX_Vmaxsd_xmm_xmm_xmmm64);
        VectorTable.Float<FloatArithmetic.Addsubps>(table, Code.Addsubps_xmm_xmmm128, Code.VEX_Vaddsubps_xmm_xmm_xmmm128, Code.VEX_Vaddsubps_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.Addsubpd>(table, Code.Addsubpd_xmm_xmmm128, Code.VEX_Vaddsubpd_xmm_xmm_xmmm128, Code.VEX_Vaddsubpd_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.HorizontalSingle<Arithmetic.Add>>(table, Code.Haddps_xmm_xmmm128, Code.VEX_Vhaddps_xmm_xmm_xmmm128, Code.VEX_Vhaddps_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.HorizontalDouble<Arithmetic.Add>>(table, Code.Haddpd_xmm_xmmm128, Code.VEX_Vhaddpd_xmm_xmm_xmmm128, Code.VEX_Vhaddpd_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.HorizontalSingle<Arithmetic.Subtract>>(table, Code.Hsubps_xmm_xmmm128, Code.VEX_Vhsubps_xmm_xmm_xmmm128, Code.VEX_Vhsubps_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.HorizontalDouble<Arithmetic.Subtract>>(table, Code.Hsubpd_xmm_xmmm128, Code.VEX_Vhsubpd_xmm_xmm_xmmm128, Code.VEX_Vhsubpd_ymm_ymm_ymmm256);
        VectorTable.Float<FloatArithmetic.Dpps>(table, Code.Dpps_xmm_xmmm128_imm8, Code.VEX_Vdpps_xmm_xmm_xmmm128_imm8, Code.VEX_Vdpps_ymm_ymm_ymmm256_imm8);
        VectorTable.Float<FloatArithmetic.Dppd>(table, Code.Dppd_xmm_xmmm128_imm8, Code.VEX_Vdppd_xmm_xmm_xmmm128_imm8, Code.INVALID);

        VectorTable.FloatSse<FloatFunctions.Legacy<FloatFunctions.Cmpps>>(table, Code.Cmpps_xmm_xmmm128_imm8);
        VectorTable.Float<FloatFunctions.Cmpps>(table, Code.INVALID, Code.VEX_Vcmpps_xmm_xmm_xmmm128_imm8, Code.VEX_Vcmpps_ymm_ymm_ymmm256_imm8);
        VectorTable.FloatSse<FloatFunctions.Legacy<FloatFunctions.Cmppd>>(table, Code.Cmppd_xmm_xmmm128_imm8);
        VectorTable.Float<FloatFunctions.Cmppd>(table, Code.INVALID, Code.VEX_Vcmppd_xmm_xmm_xmmm128_imm8, Code.VEX_Vcmppd_ymm_ymm_ymmm256_imm8);
        VectorTable.FloatPartial<FloatFunctions.Legacy<FloatFunctions.Cmpss>, VectorOperands.Doubleword>(table, Code.Cmpss_xmm_xmmm32_imm8, Code.INVALID);
        VectorTable.FloatPartial<FloatFunctions.Cmpss, VectorOperands.Doubleword>(table, Code.INVALID, Code.VEX_Vcmpss_xmm_xmm_xmmm32_imm8);
        VectorTable.FloatPartial<FloatFunctions.Legacy<FloatFunctions.Cmpsd>, VectorOperands.Quadword>(table, Code.Cmpsd_xmm_xmmm64_imm8, Code.INVALID);
        VectorTable.FloatPartial<FloatFunctions.Cmpsd, VectorOperands.Quadword>(table, Code.INVALID, Code.VEX_Vcmpsd_xmm_xmm_xmmm64_imm8);
        VectorTable.Float<FloatFunctions.Roundps>(table, Code.Roundps_xmm_xmmm128_imm8, Code.VEX_Vroundps_xmm_xmmm128_imm8, Code.VEX_Vroundps_ymm_ymmm256_imm8);
        VectorTable.Float<FloatFunctions.Roundpd>(table, Code.Roundpd_xmm_xmmm128_imm8, Code.VEX_Vroundpd_xmm_xmmm128_imm8, Code.VEX_Vroundpd_ymm_ymmm256_imm8);
        VectorTable.FloatPartial<FloatFunctions.Roundss, VectorOperands.Doubleword>(table, Code.Roundss_xmm_xmmm32_imm8, Code.VEX_Vroundss_xmm_xmm_xmmm32_imm8);
        VectorTable.FloatPartial<FloatFunctions.Roundsd, VectorOperands.Quadword>(table, Code.Roundsd_xmm_xmmm64_imm8, Code.VEX_Vroundsd_xmm_xmm_xmmm64_imm8);
        VectorTable.Float<FloatFunctions.Rcpps>(table, Code.Rcpps_xmm_xmmm128, Code.VEX_Vrcpps_xmm_xmmm128, Code.VEX_Vrcpps_ymm_ymmm256);
        VectorTable.FloatPartial<FloatFunctions.Rcpss, VectorOperands.Doubleword>(table, Code.Rcpss_xmm_xmmm32, Code.VEX_Vrcpss_xmm_xmm_xmmm32);
        VectorTable.Float<FloatFunctions.Rsqrtps>(table, Code.Rsqrtps_xmm_xmmm128, Code.VEX_Vrsqrtps_xmm_xmmm128, Code.VEX_Vrsqrtps_ymm_ymmm256);
        VectorTable.FloatPartial<FloatFunctions.Rsqrtss, VectorOperands.Doubleword>(table, Code.Rsqrtss_xmm_xmmm32, Code.VEX_Vrsqrtss_xmm_xmm_xmmm32);

        VectorTable.FloatPartial<FloatConversions.Cvtps2pd, VectorOperands.Quadword>(table, Code.Cvtps2pd_xmm_xmmm64, Code.VEX_Vcvtps2pd_xmm_xmmm64);
        VectorTable.FloatPartial<FloatConversions.Cvtdq2pd, VectorOperands.Quadword>(table, Code.Cvtdq2pd_xmm_xmmm64, Code.VEX_Vcvtdq2pd_xmm_xmmm64);
        VectorTable.FloatPartial<FloatConversions.Cvtss2sd, VectorOperands.Doubleword>(table, Code.Cvtss2sd_xmm_xmmm32, Code.VEX_Vcvtss2sd_xmm_xmm_xmmm32);
        VectorTable.FloatPartial<FloatConversions.Cvtsd2ss, VectorOperands.Quadword>(table, Code.Cvtsd2ss_xmm_xmmm64, Code.VEX_Vcvtsd2ss_xmm_xmm_xmmm64);
        VectorTable.Float<FloatConversions.Cvtdq2ps>(table, Code.Cvtdq2ps_xmm_xmmm128, Code.VEX_Vcvtdq2ps_xmm_xmmm128, Code.VEX_Vcvtdq2ps_ymm_ymmm256);
        VectorTable.Float<FloatConversions.Cvtps2dq>(table, Code.Cvtps2dq_xmm_xmmm128, Code.VEX_Vcvtps2dq_xmm_xmmm128, Code.VEX_Vcvtps2dq_ymm_ymmm256);
        VectorTable.Float<FloatConversions.Cvttps2dq>(table, Code.Cvttps2dq_xmm_xmmm128, Code.VEX_Vcvttps2dq_xmm_xmmm128, Code.VEX_Vcvttps2dq_ymm_ymmm256);
        VectorTable.Float<FloatConversions.Cvtpd2ps>(table, Code.Cvtpd2ps_xmm_xmmm128, Code.VEX_Vcvtpd2ps_xmm_xmmm128, Code.INVALID);
        VectorTable.Float<FloatConversions.Cvtpd2dq>(table, Code.Cvtpd2dq_xmm_xmmm128, Code.VEX_Vcvtpd2dq_xmm_xmmm128, Code.INVALID);
        VectorTable.Float<FloatConversions.Cvttpd2dq>(table, Code.Cvttpd2dq_xmm_xmmm128, Code.VEX_Vcvttpd2dq_xmm_xmmm128, Code.INVALID);
    }
}
