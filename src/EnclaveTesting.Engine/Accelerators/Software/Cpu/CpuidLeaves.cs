using System.Numerics;
using System.Runtime.InteropServices;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>
/// What CPUID says: exactly what is implemented (SDM vol. 2, CPUID; Documentation/virt/kvm/x86/cpuid.rst). One package, one thread per core.
/// </summary>
internal static unsafe class CpuidLeaves
{
    /// <summary>Family 6, model 8Fh, stepping 8: a model that kernels expect no speculation bugs of, given the capabilities MSR.</summary>
    public const uint Signature = 0x000806F8;

    /// <summary>The XCR0 bits that can be set.</summary>
    public static readonly ulong Xcr0Supported = 1;

    private const uint MaximumBasic = 0xD, MaximumHypervisor = 0x4000_0001, MaximumExtended = 0x8000_0008;

    /// <summary>CX16, x2APIC, MOVBE, POPCNT, TSC deadline, RDRAND, hypervisor.</summary>
    private const uint Leaf1Ecx = (1 << 13) | (1 << 21) | (1 << 22) | (1 << 23) | (1 << 24) | (1 << 30) | (1u << 31);

    /// <summary>The vector instructions' part of leaf 1: ECX. Bits come as they are whole.</summary>
    private static readonly uint Leaf1EcxVector = SimdFeatures.Leaf1Ecx;

    /// <summary>FPU, DE, PSE, TSC, MSR, PAE, MCE, CX8, APIC, SEP, MTRR, PGE, MCA, CMOV, PAT, PSE36, CLFSH.</summary>
    private const uint Leaf1Edx = 1 | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 7) | (1 << 8) | (1 << 9) | (1 << 11) | (1 << 12)
        | (1 << 13) | (1 << 14) | (1 << 15) | (1 << 16) | (1 << 17) | (1 << 19);

    /// <summary>The vector instructions' part of leaf 1, EDX: MMX, FXSR, SSE, SSE2.</summary>
    private static readonly uint Leaf1EdxVector = (1 << 23) | (1 << 24) | (1 << 25) | (1 << 26);

    /// <summary>FSGSBASE, BMI1, SMEP, BMI2, ERMS, RDSEED, ADX, SMAP, CLFLUSHOPT.</summary>
    private const uint Leaf7Ebx = 1 | (1 << 3) | (1 << 7) | (1 << 8) | (1 << 9) | (1 << 18) | (1 << 19) | (1 << 20) | (1 << 23);

    /// <summary>UMIP, RDPID.</summary>
    private const uint Leaf7Ecx = (1 << 2) | (1 << 22);

    /// <summary>FSRM, IBRS and IBPB, STIBP, ARCH_CAPABILITIES, SSBD.</summary>
    private const uint Leaf7Edx = (1 << 4) | (1 << 26) | (1 << 27) | (1 << 29) | (1u << 31);

    /// <summary>LAHF, LZCNT, PREFETCHW.</summary>
    private const uint ExtendedEcx = 1 | (1 << 5) | (1 << 8);

    /// <summary>SYSCALL, NX, 1 GiB pages, RDTSCP, long mode.</summary>
    private const uint ExtendedEdx = (1 << 11) | (1 << 20) | (1 << 26) | (1 << 27) | (1 << 29);

    /// <summary>KVM's clock with its newer MSRs, no I/O delays needed, and the clock is stable.</summary>
    private const uint KvmFeatures = 1 | (1 << 1) | (1 << 3) | (1 << 24);

    private static ReadOnlySpan<byte> Brand => "EnclaveTesting software CPU\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"u8;

    /// <summary>Answers CPUID.</summary>
    public static CpuidLeaf Read(SoftwareCpu cpu, uint leaf, uint subleaf)
    {
        // What is beyond the largest basic leaf answers as that one does, on Intel's processors; zero is as good and simpler.
        return leaf switch
        {
            0 => Name(MaximumBasic, "Genu"u8, "ineI"u8, "ntel"u8),
            1 => Features(cpu),
            4 => Cache(subleaf),
            6 => new CpuidLeaf(1 << 2, 0, 0, 0), // the APIC timer never stops
            7 when subleaf == 0 => new CpuidLeaf(0, Leaf7Ebx, Leaf7Ecx, Leaf7Edx),
            0xB => Topology(cpu, subleaf),
            0xD => Extended(cpu, subleaf),
            0x4000_0000 => Name(MaximumHypervisor, "KVMK"u8, "VMKV"u8, "M\0\0\0"u8) is var kvm ? new CpuidLeaf(kvm.Eax, kvm.Ebx, kvm.Edx, kvm.Ecx) : default,
            0x4000_0001 => new CpuidLeaf(KvmFeatures, 0, 0, 0),
            0x8000_0000 => new CpuidLeaf(MaximumExtended, 0, 0, 0),
            0x8000_0001 => new CpuidLeaf(0, 0, ExtendedEcx, ExtendedEdx),
            >= 0x8000_0002 and <= 0x8000_0004 => BrandPart((int)(leaf - 0x8000_0002)),
            0x8000_0006 => new CpuidLeaf(0, 0, 0x0100_6040, 0),
            0x8000_0007 => new CpuidLeaf(0, 0, 0, 1 << 8), // invariant TSC
            0x8000_0008 => new CpuidLeaf(SoftwareCpu.PhysicalAddressBits | (48 << 8), 0, 0, 0),
            _ => default,
        };
    }

    /// <summary>Three pieces of text in EBX, EDX, ECX.</summary>
    private static CpuidLeaf Name(uint maximum, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> third) =>
        new(maximum, MemoryMarshal.Read<uint>(first), MemoryMarshal.Read<uint>(third), MemoryMarshal.Read<uint>(second));

    private static CpuidLeaf Features(SoftwareCpu cpu)
    {
        const uint cacheLine = 8 << 8, osxsave = 1 << 27, xsave = 1 << 26;
        uint ebx = ((uint)cpu.Index << 24) | ((uint)cpu.Code.CpuCount << 16) | cacheLine;
        uint ecx = Leaf1Ecx | Leaf1EcxVector;
        if ((ecx & xsave) != 0 && (cpu.State->Cr4 & ControlBits.Cr4Osxsave) != 0)
            ecx |= osxsave;
        return new CpuidLeaf(Signature, ebx, ecx, Leaf1Edx | Leaf1EdxVector);
    }

    /// <summary>32 KiB of data, 32 KiB of code, 2 MiB for both, per core: deterministic, not true.</summary>
    private static CpuidLeaf Cache(uint subleaf)
    {
        const uint line = 63, eightWays = 7 << 22, sixteenWays = 15 << 22;
        return subleaf switch
        {
            0 => new CpuidLeaf(1 | (1 << 5) | (1 << 8), eightWays | line, 63, 0),
            1 => new CpuidLeaf(2 | (1 << 5) | (1 << 8), eightWays | line, 63, 0),
            2 => new CpuidLeaf(3 | (2 << 5) | (1 << 8), sixteenWays | line, 2047, 0),
            _ => default,
        };
    }

    private static CpuidLeaf Topology(SoftwareCpu cpu, uint subleaf)
    {
        const uint thread = 1 << 8, core = 2 << 8;
        var count = (uint)cpu.Code.CpuCount;
        return subleaf switch
        {
            0 => new CpuidLeaf(0, 1, thread, (uint)cpu.Index),
            1 => new CpuidLeaf((uint)BitOperations.Log2(BitOperations.RoundUpToPowerOf2(count)), count, core | 1, (uint)cpu.Index),
            _ => new CpuidLeaf(0, 0, subleaf & 0xFF, (uint)cpu.Index),
        };
    }

    /// <summary>Sizes of the XSAVE area.</summary>
    private static CpuidLeaf Extended(SoftwareCpu cpu, uint subleaf)
    {
        const uint legacy = 512 + 64, avx = 256;
        return subleaf switch
        {
            _ when ((Leaf1Ecx | Leaf1EcxVector) & (1 << 26)) == 0 => default,
            0 => new CpuidLeaf(
                (uint)Xcr0Supported,
                legacy + ((cpu.State->Xcr0 & 4) != 0 ? avx : 0),
                legacy + ((Xcr0Supported & 4) != 0 ? avx : 0),
                0),
            2 when (Xcr0Supported & 4) != 0 => new CpuidLeaf(avx, legacy, 0, 0),
            _ => default,
        };
    }

    private static CpuidLeaf BrandPart(int part)
    {
        ReadOnlySpan<uint> words = MemoryMarshal.Cast<byte, uint>(Brand.Slice(part * 16, 16));
        return new CpuidLeaf(words[0], words[1], words[2], words[3]);
    }
}
