using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Packed integer arithmetic of MMX, SSE2, SSSE3, SSE4.1, AVX and AVX2.</summary>
internal static class PackedIntegerInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        VectorTable.Mmx<IntegerSums.Paddb>(table, Code.Paddb_mm_mmm64);
        VectorTable.Packed<IntegerSums.Paddb>(table, Code.Paddb_xmm_xmmm128, Code.VEX_Vpaddb_xmm_xmm_xmmm128, Code.VEX_Vpaddb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Paddw>(table, Code.Paddw_mm_mmm64);
        VectorTable.Packed<IntegerSums.Paddw>(table, Code.Paddw_xmm_xmmm128, Code.VEX_Vpaddw_xmm_xmm_xmmm128, Code.VEX_Vpaddw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Paddd>(table, Code.Paddd_mm_mmm64);
        VectorTable.Packed<IntegerSums.Paddd>(table, Code.Paddd_xmm_xmmm128, Code.VEX_Vpaddd_xmm_xmm_xmmm128, Code.VEX_Vpaddd_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Paddq>(table, Code.Paddq_mm_mmm64);
        VectorTable.Packed<IntegerSums.Paddq>(table, Code.Paddq_xmm_xmmm128, Code.VEX_Vpaddq_xmm_xmm_xmmm128, Code.VEX_Vpaddq_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Psubb>(table, Code.Psubb_mm_mmm64);
        VectorTable.Packed<IntegerSums.Psubb>(table, Code.Psubb_xmm_xmmm128, Code.VEX_Vpsubb_xmm_xmm_xmmm128, Code.VEX_Vpsubb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Psubw>(table, Code.Psubw_mm_mmm64);
        VectorTable.Packed<IntegerSums.Psubw>(table, Code.Psubw_xmm_xmmm128, Code.VEX_Vpsubw_xmm_xmm_xmmm128, Code.VEX_Vpsubw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Psubd>(table, Code.Psubd_mm_mmm64);
        VectorTable.Packed<IntegerSums.Psubd>(table, Code.Psubd_xmm_xmmm128, Code.VEX_Vpsubd_xmm_xmm_xmmm128, Code.VEX_Vpsubd_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Psubq>(table, Code.Psubq_mm_mmm64);
        VectorTable.Packed<IntegerSums.Psubq>(table, Code.Psubq_xmm_xmmm128, Code.VEX_Vpsubq_xmm_xmm_xmmm128, Code.VEX_Vpsubq_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Paddsb>(table, Code.Paddsb_mm_mmm64);
        VectorTable.Packed<IntegerSums.Paddsb>(table, Code.Paddsb_xmm_xmmm128, Code.VEX_Vpaddsb_xmm_xmm_xmmm128, Code.VEX_Vpaddsb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Paddusb>(table, Code.Paddusb_mm_mmm64);
        VectorTable.Packed<IntegerSums.Paddusb>(table, Code.Paddusb_xmm_xmmm128, Code.VEX_Vpaddusb_xmm_xmm_xmmm128, Code.VEX_Vpaddusb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Paddsw>(table, Code.Paddsw_mm_mmm64);
        VectorTable.Packed<IntegerSums.Paddsw>(table, Code.Paddsw_xmm_xmmm128, Code.VEX_Vpaddsw_xmm_xmm_xmmm128, Code.VEX_Vpaddsw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Paddusw>(table, Code.Paddusw_mm_mmm64);
        VectorTable.Packed<IntegerSums.Paddusw>(table, Code.Paddusw_xmm_xmmm128, Code.VEX_Vpaddusw_xmm_xmm_xmmm128, Code.VEX_Vpaddusw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Psubsb>(table, Code.Psubsb_mm_mmm64);
        VectorTable.Packed<IntegerSums.Psubsb>(table, Code.Psubsb_xmm_xmmm128, Code.VEX_Vpsubsb_xmm_xmm_xmmm128, Code.VEX_Vpsubsb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Psubusb>(table, Code.Psubusb_mm_mmm64);
        VectorTable.Packed<IntegerSums.Psubusb>(table, Code.Psubusb_xmm_xmmm128, Code.VEX_Vpsubusb_xmm_xmm_xmmm128, Code.VEX_Vpsubusb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Psubsw>(table, Code.Psubsw_mm_mmm64);
        VectorTable.Packed<IntegerSums.Psubsw>(table, Code.Psubsw_xmm_xmmm128, Code.VEX_Vpsubsw_xmm_xmm_xmmm128, Code.VEX_Vpsubsw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Psubusw>(table, Code.Psubusw_mm_mmm64);
        VectorTable.Packed<IntegerSums.Psubusw>(table, Code.Psubusw_xmm_xmmm128, Code.VEX_Vpsubusw_xmm_xmm_xmmm128, Code.VEX_Vpsubusw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Pavgb>(table, Code.Pavgb_mm_mmm64);
        VectorTable.Packed<IntegerSums.Pavgb>(table, Code.Pavgb_xmm_xmmm128, Code.VEX_Vpavgb_xmm_xmm_xmmm128, Code.VEX_Vpavgb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Pavgw>(table, Code.Pavgw_mm_mmm64);
        VectorTable.Packed<IntegerSums.Pavgw>(table, Code.Pavgw_xmm_xmmm128, Code.VEX_Vpavgw_xmm_xmm_xmmm128, Code.VEX_Vpavgw_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerSums.Pminsb>(table, Code.Pminsb_xmm_xmmm128, Code.VEX_Vpminsb_xmm_xmm_xmmm128, Code.VEX_Vpminsb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Pminsw>(table, Code.Pminsw_mm_mmm64);
        VectorTable.Packed<IntegerSums.Pminsw>(table, Code.Pminsw_xmm_xmmm128, Code.VEX_Vpminsw_xmm_xmm_xmmm128, Code.VEX_Vpminsw_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerSums.Pminsd>(table, Code.Pminsd_xmm_xmmm128, Code.VEX_Vpminsd_xmm_xmm_xmmm128, Code.VEX_Vpminsd_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Pminub>(table, Code.Pminub_mm_mmm64);
        VectorTable.Packed<IntegerSums.Pminub>(table, Code.Pminub_xmm_xmmm128, Code.VEX_Vpminub_xmm_xmm_xmmm128, Code.VEX_Vpminub_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerSums.Pminuw>(table, Code.Pminuw_xmm_xmmm128, Code.VEX_Vpminuw_xmm_xmm_xmmm128, Code.VEX_Vpminuw_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerSums.Pminud>(table, Code.Pminud_xmm_xmmm128, Code.VEX_Vpminud_xmm_xmm_xmmm128, Code.VEX_Vpminud_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerSums.Pmaxsb>(table, Code.Pmaxsb_xmm_xmmm128, Code.VEX_Vpmaxsb_xmm_xmm_xmmm128, Code.VEX_Vpmaxsb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Pmaxsw>(table, Code.Pmaxsw_mm_mmm64);
        VectorTable.Packed<IntegerSums.Pmaxsw>(table, Code.Pmaxsw_xmm_xmmm128, Code.VEX_Vpmaxsw_xmm_xmm_xmmm128, Code.VEX_Vpmaxsw_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerSums.Pmaxsd>(table, Code.Pmaxsd_xmm_xmmm128, Code.VEX_Vpmaxsd_xmm_xmm_xmmm128, Code.VEX_Vpmaxsd_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Pmaxub>(table, Code.Pmaxub_mm_mmm64);
        VectorTable.Packed<IntegerSums.Pmaxub>(table, Code.Pmaxub_xmm_xmmm128, Code.VEX_Vpmaxub_xmm_xmm_xmmm128, Code.VEX_Vpmaxub_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerSums.Pmaxuw>(table, Code.Pmaxuw_xmm_xmmm128, Code.VEX_Vpmaxuw_xmm_xmm_xmmm128, Code.VEX_Vpmaxuw_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerSums.Pmaxud>(table, Code.Pmaxud_xmm_xmmm128, Code.VEX_Vpmaxud_xmm_xmm_xmmm128, Code.VEX_Vpmaxud_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Pabsb>(table, Code.Pabsb_mm_mmm64);
        VectorTable.Packed<IntegerSums.Pabsb>(table, Code.Pabsb_xmm_xmmm128, Code.VEX_Vpabsb_xmm_xmmm128, Code.VEX_Vpabsb_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Pabsw>(table, Code.Pabsw_mm_mmm64);
        VectorTable.Packed<IntegerSums.Pabsw>(table, Code.Pabsw_xmm_xmmm128, Code.VEX_Vpabsw_xmm_xmmm128, Code.VEX_Vpabsw_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Pabsd>(table, Code.Pabsd_mm_mmm64);
        VectorTable.Packed<IntegerSums.Pabsd>(table, Code.Pabsd_xmm_xmmm128, Code.VEX_Vpabsd_xmm_xmmm128, Code.VEX_Vpabsd_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Psignb>(table, Code.Psignb_mm_mmm64);
        VectorTable.Packed<IntegerSums.Psignb>(table, Code.Psignb_xmm_xmmm128, Code.VEX_Vpsignb_xmm_xmm_xmmm128, Code.VEX_Vpsignb_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Psignw>(table, Code.Psignw_mm_mmm64);
        VectorTable.Packed<IntegerSums.Psignw>(table, Code.Psignw_xmm_xmmm128, Code.VEX_Vpsignw_xmm_xmm_xmmm128, Code.VEX_Vpsignw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerSums.Psignd>(table, Code.Psignd_mm_mmm64);
        VectorTable.Packed<IntegerSums.Psignd>(table, Code.Psignd_xmm_xmmm128, Code.VEX_Vpsignd_xmm_xmm_xmmm128, Code.VEX_Vpsignd_ymm_ymm_ymmm256);

        VectorTable.Mmx<IntegerProducts.Pmullw>(table, Code.Pmullw_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Pmullw>(table, Code.Pmullw_xmm_xmmm128, Code.VEX_Vpmullw_xmm_xmm_xmmm128, Code.VEX_Vpmullw_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerProducts.Pmulld>(table, Code.Pmulld_xmm_xmmm128, Code.VEX_Vpmulld_xmm_xmm_xmmm128, Code.VEX_Vpmulld_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerProducts.Pmulhw>(table, Code.Pmulhw_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Pmulhw>(table, Code.Pmulhw_xmm_xmmm128, Code.VEX_Vpmulhw_xmm_xmm_xmmm128, Code.VEX_Vpmulhw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerProducts.Pmulhuw>(table, Code.Pmulhuw_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Pmulhuw>(table, Code.Pmulhuw_xmm_xmmm128, Code.VEX_Vpmulhuw_xmm_xmm_xmmm128, Code.VEX_Vpmulhuw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerProducts.Pmulhrsw>(table, Code.Pmulhrsw_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Pmulhrsw>(table, Code.Pmulhrsw_xmm_xmmm128, Code.VEX_Vpmulhrsw_xmm_xmm_xmmm128, Code.VEX_Vpmulhrsw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerProducts.Pmaddwd>(table, Code.Pmaddwd_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Pmaddwd>(table, Code.Pmaddwd_xmm_xmmm128, Code.VEX_Vpmaddwd_xmm_xmm_xmmm128, Code.VEX_Vpmaddwd_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerProducts.Pmaddubsw>(table, Code.Pmaddubsw_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Pmaddubsw>(table, Code.Pmaddubsw_xmm_xmmm128, Code.VEX_Vpmaddubsw_xmm_xmm_xmmm128, Code.VEX_Vpmaddubsw_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerProducts.Pmuludq>(table, Code.Pmuludq_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Pmuludq>(table, Code.Pmuludq_xmm_xmmm128, Code.VEX_Vpmuludq_xmm_xmm_xmmm128, Code.VEX_Vpmuludq_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerProducts.Pmuldq>(table, Code.Pmuldq_xmm_xmmm128, Code.VEX_Vpmuldq_xmm_xmm_xmmm128, Code.VEX_Vpmuldq_ymm_ymm_ymmm256);
        VectorTable.Mmx<IntegerProducts.Psadbw>(table, Code.Psadbw_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Psadbw>(table, Code.Psadbw_xmm_xmmm128, Code.VEX_Vpsadbw_xmm_xmm_xmmm128, Code.VEX_Vpsadbw_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerProducts.Phminposuw>(table, Code.Phminposuw_xmm_xmmm128, Code.VEX_Vphminposuw_xmm_xmmm128, Code.INVALID);
        VectorTable.Mmx<MmxForms.Joined<IntegerProducts.Phaddw>>(table, Code.Phaddw_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Phaddw>(table, Code.Phaddw_xmm_xmmm128, Code.VEX_Vphaddw_xmm_xmm_xmmm128, Code.VEX_Vphaddw_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Joined<IntegerProducts.Phaddsw>>(table, Code.Phaddsw_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Phaddsw>(table, Code.Phaddsw_xmm_xmmm128, Code.VEX_Vphaddsw_xmm_xmm_xmmm128, Code.VEX_Vphaddsw_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Joined<IntegerProducts.Phaddd>>(table, Code.Phaddd_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Phaddd>(table, Code.Phaddd_xmm_xmmm128, Code.VEX_Vphaddd_xmm_xmm_xmmm128, Code.VEX_Vphaddd_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Joined<IntegerProducts.Phsubw>>(table, Code.Phsubw_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Phsubw>(table, Code.Phsubw_xmm_xmmm128, Code.VEX_Vphsubw_xmm_xmm_xmmm128, Code.VEX_Vphsubw_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Joined<IntegerProducts.Phsubsw>>(table, Code.Phsubsw_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Phsubsw>(table, Code.Phsubsw_xmm_xmmm128, Code.VEX_Vphsubsw_xmm_xmm_xmmm128, Code.VEX_Vphsubsw_ymm_ymm_ymmm256);
        VectorTable.Mmx<MmxForms.Joined<IntegerProducts.Phsubd>>(table, Code.Phsubd_mm_mmm64);
        VectorTable.Packed<IntegerProducts.Phsubd>(table, Code.Phsubd_xmm_xmmm128, Code.VEX_Vphsubd_xmm_xmm_xmmm128, Code.VEX_Vphsubd_ymm_ymm_ymmm256);
        VectorTable.Packed<IntegerProducts.Mpsadbw, UpperImmediate<IntegerProducts.Mpsadbw, UpperImmediate.Three>>(table, Code.Mpsadbw_xmm_xmmm128_imm8, Code.VEX_Vmpsadbw_xmm_xmm_xmmm128_imm8, Code.VEX_Vmpsadbw_ymm_ymm_ymmm256_imm8);
    }
}
