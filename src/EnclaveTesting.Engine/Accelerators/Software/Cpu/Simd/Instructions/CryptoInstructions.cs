using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>AES and PCLMULQDQ, with and without VEX.</summary>
internal static class CryptoInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        VectorTable.Packed<Crypto.Aesenc>(table, Code.Aesenc_xmm_xmmm128, Code.VEX_Vaesenc_xmm_xmm_xmmm128, Code.INVALID);
        VectorTable.Packed<Crypto.Aesenclast>(table, Code.Aesenclast_xmm_xmmm128, Code.VEX_Vaesenclast_xmm_xmm_xmmm128, Code.INVALID);
        VectorTable.Packed<Crypto.Aesdec>(table, Code.Aesdec_xmm_xmmm128, Code.VEX_Vaesdec_xmm_xmm_xmmm128, Code.INVALID);
        VectorTable.Packed<Crypto.Aesdeclast>(table, Code.Aesdeclast_xmm_xmmm128, Code.VEX_Vaesdeclast_xmm_xmm_xmmm128, Code.INVALID);
        VectorTable.Packed<Crypto.Aesimc>(table, Code.Aesimc_xmm_xmmm128, Code.VEX_Vaesimc_xmm_xmmm128, Code.INVALID);
        VectorTable.Packed<Crypto.Aeskeygenassist>(table, Code.Aeskeygenassist_xmm_xmmm128_imm8, Code.VEX_Vaeskeygenassist_xmm_xmmm128_imm8, Code.INVALID);
        VectorTable.Packed<Crypto.Pclmulqdq>(table, Code.Pclmulqdq_xmm_xmmm128_imm8, Code.VEX_Vpclmulqdq_xmm_xmm_xmmm128_imm8, Code.INVALID);
    }
}
