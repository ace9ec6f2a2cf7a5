namespace EnclaveTesting.Engine.Accelerators.Cpuid;

/// <summary>
/// All that this project's CPUs can tell of by CPUID (SDM vol. 2, CPUID; x86-64 psABI, "Micro-Architecture Levels";
/// Documentation/virt/kvm/x86/cpuid.rst). The templates have the psABI's level and what a virtual machine needs; from V2 on that is RDRAND too,
/// without which a guest has to wait for entropy.
/// </summary>
internal static class CpuFeatures
{
    /// <summary>The features by leaf.</summary>
    public static IReadOnlyList<CpuFeature> All { get; } =
    [
        new("fpu", 0x1, 0, CpuidRegister.Edx, 0, CpuTemplate.Baseline),
        new("de", 0x1, 0, CpuidRegister.Edx, 2, CpuTemplate.Baseline),
        new("pse", 0x1, 0, CpuidRegister.Edx, 3, CpuTemplate.Baseline),
        new("tsc", 0x1, 0, CpuidRegister.Edx, 4, CpuTemplate.Baseline),
        new("msr", 0x1, 0, CpuidRegister.Edx, 5, CpuTemplate.Baseline),
        new("pae", 0x1, 0, CpuidRegister.Edx, 6, CpuTemplate.Baseline),
        new("mce", 0x1, 0, CpuidRegister.Edx, 7, CpuTemplate.Baseline),
        new("cx8", 0x1, 0, CpuidRegister.Edx, 8, CpuTemplate.Baseline),
        new("apic", 0x1, 0, CpuidRegister.Edx, 9, CpuTemplate.Baseline),
        new("sep", 0x1, 0, CpuidRegister.Edx, 11, CpuTemplate.Baseline),
        new("mtrr", 0x1, 0, CpuidRegister.Edx, 12, CpuTemplate.Baseline),
        new("pge", 0x1, 0, CpuidRegister.Edx, 13, CpuTemplate.Baseline),
        new("mca", 0x1, 0, CpuidRegister.Edx, 14, CpuTemplate.Baseline),
        new("cmov", 0x1, 0, CpuidRegister.Edx, 15, CpuTemplate.Baseline),
        new("pat", 0x1, 0, CpuidRegister.Edx, 16, CpuTemplate.Baseline),
        new("pse36", 0x1, 0, CpuidRegister.Edx, 17, CpuTemplate.Baseline),
        new("clflush", 0x1, 0, CpuidRegister.Edx, 19, CpuTemplate.Baseline),
        new("mmx", 0x1, 0, CpuidRegister.Edx, 23, CpuTemplate.Baseline),
        new("fxsr", 0x1, 0, CpuidRegister.Edx, 24, CpuTemplate.Baseline),
        new("sse", 0x1, 0, CpuidRegister.Edx, 25, CpuTemplate.Baseline),
        new("sse2", 0x1, 0, CpuidRegister.Edx, 26, CpuTemplate.Baseline),
        new("pni", 0x1, 0, CpuidRegister.Ecx, 0, CpuTemplate.V2),
        new("pclmulqdq", 0x1, 0, CpuidRegister.Ecx, 1, CpuTemplate.Host),
        new("ssse3", 0x1, 0, CpuidRegister.Ecx, 9, CpuTemplate.V2),
        new("fma", 0x1, 0, CpuidRegister.Ecx, 12, CpuTemplate.V3),
        new("cx16", 0x1, 0, CpuidRegister.Ecx, 13, CpuTemplate.V2),
        new("sse4_1", 0x1, 0, CpuidRegister.Ecx, 19, CpuTemplate.V2),
        new("sse4_2", 0x1, 0, CpuidRegister.Ecx, 20, CpuTemplate.V2),
        new("x2apic", 0x1, 0, CpuidRegister.Ecx, 21, CpuTemplate.Baseline),
        new("movbe", 0x1, 0, CpuidRegister.Ecx, 22, CpuTemplate.V3),
        new("popcnt", 0x1, 0, CpuidRegister.Ecx, 23, CpuTemplate.V2),
        new("tsc_deadline_timer", 0x1, 0, CpuidRegister.Ecx, 24, CpuTemplate.Baseline),
        new("aes", 0x1, 0, CpuidRegister.Ecx, 25, CpuTemplate.Host),
        new("xsave", 0x1, 0, CpuidRegister.Ecx, 26, CpuTemplate.V3),
        new("avx", 0x1, 0, CpuidRegister.Ecx, 28, CpuTemplate.V3),
        new("f16c", 0x1, 0, CpuidRegister.Ecx, 29, CpuTemplate.V3),
        new("rdrand", 0x1, 0, CpuidRegister.Ecx, 30, CpuTemplate.V2),
        new("hypervisor", 0x1, 0, CpuidRegister.Ecx, 31, CpuTemplate.Baseline),
        new("arat", 0x6, 0, CpuidRegister.Eax, 2, CpuTemplate.Baseline),
        new("fsgsbase", 0x7, 0, CpuidRegister.Ebx, 0, CpuTemplate.Host),
        new("bmi1", 0x7, 0, CpuidRegister.Ebx, 3, CpuTemplate.V3),
        new("avx2", 0x7, 0, CpuidRegister.Ebx, 5, CpuTemplate.V3),
        new("smep", 0x7, 0, CpuidRegister.Ebx, 7, CpuTemplate.Host),
        new("bmi2", 0x7, 0, CpuidRegister.Ebx, 8, CpuTemplate.V3),
        new("erms", 0x7, 0, CpuidRegister.Ebx, 9, CpuTemplate.Host),
        new("rdseed", 0x7, 0, CpuidRegister.Ebx, 18, CpuTemplate.Host),
        new("adx", 0x7, 0, CpuidRegister.Ebx, 19, CpuTemplate.Host),
        new("smap", 0x7, 0, CpuidRegister.Ebx, 20, CpuTemplate.Host),
        new("clflushopt", 0x7, 0, CpuidRegister.Ebx, 23, CpuTemplate.Host),
        new("clwb", 0x7, 0, CpuidRegister.Ebx, 24, CpuTemplate.Host),
        new("umip", 0x7, 0, CpuidRegister.Ecx, 2, CpuTemplate.Host),
        new("rdpid", 0x7, 0, CpuidRegister.Ecx, 22, CpuTemplate.Host),
        new("fsrm", 0x7, 0, CpuidRegister.Edx, 4, CpuTemplate.Host),
        new("spec_ctrl", 0x7, 0, CpuidRegister.Edx, 26, CpuTemplate.Host),
        new("intel_stibp", 0x7, 0, CpuidRegister.Edx, 27, CpuTemplate.Host),
        new("arch_capabilities", 0x7, 0, CpuidRegister.Edx, 29, CpuTemplate.Host),
        new("ssbd", 0x7, 0, CpuidRegister.Edx, 31, CpuTemplate.Host),
        new("xsaveopt", 0xD, 1, CpuidRegister.Eax, 0, CpuTemplate.Host),
        new("xsavec", 0xD, 1, CpuidRegister.Eax, 1, CpuTemplate.Host),
        new("xgetbv1", 0xD, 1, CpuidRegister.Eax, 2, CpuTemplate.Host),
        new("kvmclock", 0x4000_0001, 0, CpuidRegister.Eax, 0, CpuTemplate.Baseline),
        new("kvm_nopiodelay", 0x4000_0001, 0, CpuidRegister.Eax, 1, CpuTemplate.Baseline),
        new("kvmclock2", 0x4000_0001, 0, CpuidRegister.Eax, 3, CpuTemplate.Baseline),
        new("kvmclock_stable", 0x4000_0001, 0, CpuidRegister.Eax, 24, CpuTemplate.Baseline),
        new("lahf_lm", 0x8000_0001, 0, CpuidRegister.Ecx, 0, CpuTemplate.V2),
        new("abm", 0x8000_0001, 0, CpuidRegister.Ecx, 5, CpuTemplate.V3),
        new("3dnowprefetch", 0x8000_0001, 0, CpuidRegister.Ecx, 8, CpuTemplate.Host),
        new("syscall", 0x8000_0001, 0, CpuidRegister.Edx, 11, CpuTemplate.Baseline),
        new("nx", 0x8000_0001, 0, CpuidRegister.Edx, 20, CpuTemplate.Baseline),
        new("pdpe1gb", 0x8000_0001, 0, CpuidRegister.Edx, 26, CpuTemplate.Host),
        new("rdtscp", 0x8000_0001, 0, CpuidRegister.Edx, 27, CpuTemplate.Host),
        new("lm", 0x8000_0001, 0, CpuidRegister.Edx, 29, CpuTemplate.Baseline),
        new("invtsc", 0x8000_0007, 0, CpuidRegister.Edx, 8, CpuTemplate.Baseline),
    ];

    /// <summary>Whether CPUs of a template have the feature of this name.</summary>
    /// <exception cref="ArgumentException">There is no such feature.</exception>
    public static bool Has(CpuTemplate template, string name)
        => (All.FirstOrDefault(feature => feature.Name == name) ?? throw new ArgumentException($"There is no feature {name}.", nameof(name))).IsIn(template);

    /// <summary>The bits of a template in one register of a leaf.</summary>
    public static uint Bits(CpuTemplate template, uint function, uint index, CpuidRegister register)
        => All.Where(feature => feature.Function == function && feature.Index == index && feature.Register == register && feature.IsIn(template))
            .Aggregate(0u, (bits, feature) => bits | (1u << feature.Bit));
}
