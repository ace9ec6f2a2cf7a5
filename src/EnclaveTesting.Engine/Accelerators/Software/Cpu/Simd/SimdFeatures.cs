namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Which instruction sets of this folder are whole, for CPUID to tell.</summary>
internal static class SimdFeatures
{
    /// <summary>The x87 FPU.</summary>
    public const bool X87 = true;

    /// <summary>MMX, SSE and SSE2 with FXSAVE.</summary>
    public const bool Sse2 = true;

    /// <summary>SSE3 (its x87 instruction FISTTP too).</summary>
    public const bool Sse3 = true;

    /// <summary>SSSE3.</summary>
    public const bool Ssse3 = true;

    /// <summary>SSE4.1.</summary>
    public const bool Sse41 = true;

    /// <summary>SSE4.2, except CRC32, which is an integer instruction.</summary>
    public const bool Sse42 = true;

    /// <summary>AES.</summary>
    public const bool Aes = true;

    /// <summary>PCLMULQDQ.</summary>
    public const bool Pclmulqdq = true;

    /// <summary>XSAVE, XRSTOR, XGETBV and XSETBV with XSAVEOPT and XSAVEC; XGETBV for ECX = 1 is missing.</summary>
    public const bool Xsave = false;

    /// <summary>AVX.</summary>
    public const bool Avx = false;

    /// <summary>AVX2.</summary>
    public const bool Avx2 = false;

    /// <summary>FMA.</summary>
    public const bool Fma = false;

    /// <summary>F16C.</summary>
    public const bool F16c = false;

    /// <summary>CPUID leaf 1, ECX: SSE3, PCLMULQDQ, SSSE3, SSE4.1, SSE4.2, AES (SDM vol. 2, table 3-10).</summary>
    public const uint Leaf1Ecx = (Sse3 ? 1u : 0) | (Pclmulqdq ? 1u << 1 : 0) | (Ssse3 ? 1u << 9 : 0) | (Sse41 ? 1u << 19 : 0) | (Sse42 ? 1u << 20 : 0)
        | (Aes ? 1u << 25 : 0);

    /// <summary>The bits XCR0 can have.</summary>
    public static ulong StateComponents => Avx ? 7UL : 3UL;

    /// <summary>Bytes of the XSAVE area for all that XCR0 can have: 512 legacy, 64 header, 256 for AVX.</summary>
    public static int StateSize => Avx ? StateImage.AvxOffset + StateImage.AvxSize : StateImage.AvxOffset;
}
