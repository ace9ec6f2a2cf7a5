using System.Collections.Immutable;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;

namespace EnclaveTesting.Engine.Accelerators.Cpuid;

/// <summary>
/// What CPUID answers on one CPU of a machine, for the software CPU and, but for <see cref="CpuTemplate.Host"/>, for KVM: one package, one thread
/// per core. What changes while a CPU runs (OSXSAVE, the size that XCR0 asks for) is as after reset.
/// </summary>
internal sealed class CpuidTable
{
    /// <summary>The area of XSAVE without AVX, and AVX's part.</summary>
    public const uint LegacyStateSize = 512 + 64, AvxStateSize = 256;

    private const uint HypervisorBase = 0x4000_0000, ExtendedBase = 0x8000_0000;
    private const uint MaximumBasic = 0xD, MaximumHypervisor = 0x4000_0001, MaximumExtended = 0x8000_0008;

    // Family 6, model 8Fh, stepping 8: a model that kernels expect no speculation bugs of, given the capabilities MSR.
    private const uint HostSignature = 0x0008_06F8;

    // Family 6, model 36h, stepping 9: kernels know that it does not speculate. What they would do against speculation would depend on MSRs
    // of the host's, and cost time.
    private const uint TemplateSignature = 0x0003_0669;

    private readonly CpuTemplate _template;
    private readonly uint _cpu, _cpus;

    /// <param name="template">The processor.</param>
    /// <param name="cpu">Number and APIC id of the CPU.</param>
    /// <param name="cpus">CPUs of the machine.</param>
    public CpuidTable(CpuTemplate template, int cpu, int cpus)
    {
        _template = template;
        (_cpu, _cpus) = ((uint)cpu, (uint)cpus);
        Entries = [.. Basic(), .. Hypervisor(), .. Extended()];
    }

    /// <summary>All leaves that are not zero.</summary>
    public ImmutableArray<CpuidEntry> Entries { get; }

    /// <summary>Family, model and stepping of a template, as CPUID and EDX after reset have them.</summary>
    public static uint Signature(CpuTemplate template) => template == CpuTemplate.Host ? HostSignature : TemplateSignature;

    /// <summary>The XCR0 bits that can be set.</summary>
    public static ulong StateComponents(CpuTemplate template) => CpuFeatures.Has(template, "avx") ? 7UL : CpuFeatures.Has(template, "xsave") ? 3UL : 1UL;

    /// <summary>
    /// The answer to a leaf. One that is beyond the largest of its range answers as the largest basic leaf does, as on Intel's processors and in KVM.
    /// </summary>
    /// <param name="function">EAX; becomes the leaf that is answered.</param>
    /// <param name="index">ECX.</param>
    public CpuidLeaf Find(ref uint function, uint index)
    {
        uint maximum = function switch
        {
            >= ExtendedBase => MaximumExtended,
            >= HypervisorBase and < 0x4000_0100 => MaximumHypervisor,
            _ => MaximumBasic,
        };
        if (function > maximum)
            function = MaximumBasic;
        foreach (CpuidEntry entry in Entries)
        {
            if (entry.Function == function && (entry.Index ?? index) == index)
                return entry.Leaf;
        }

        // Beyond its levels the topology leaf still tells the APIC id.
        return function == 0xB ? new CpuidLeaf(0, 0, index & 0xFF, _cpu) : default;
    }

    private IEnumerable<CpuidEntry> Basic()
    {
        const uint cacheLine = 8 << 8, oneThread = 1 << 8, cores = 2 << 8;
        yield return Entry(0, Text(MaximumBasic, "Genu", "ntel", "ineI"));
        yield return Entry(1, Features(1) with { Eax = Signature(_template), Ebx = (_cpu << 24) | (_cpus << 16) | cacheLine });

        // 32 KiB of data, 32 KiB of code, 2 MiB for both, per core: the same everywhere, not true.
        const uint line = 63, eightWays = 7 << 22, sixteenWays = 15 << 22, selfInitialising = 1 << 8;
        uint perPackage = (_cpus - 1) << 26;
        yield return Entry(4, 0, new CpuidLeaf(1 | (1 << 5) | selfInitialising | perPackage, eightWays | line, 63, 0));
        yield return Entry(4, 1, new CpuidLeaf(2 | (1 << 5) | selfInitialising | perPackage, eightWays | line, 63, 0));
        yield return Entry(4, 2, new CpuidLeaf(3 | (2 << 5) | selfInitialising | perPackage, sixteenWays | line, 2047, 0));
        yield return Entry(6, Features(6));
        yield return Entry(7, 0, Features(7));
        yield return Entry(0xB, 0, new CpuidLeaf(0, 1, oneThread, _cpu));
        yield return Entry(0xB, 1, new CpuidLeaf((uint)BitOperations.Log2(BitOperations.RoundUpToPowerOf2(_cpus)), _cpus, cores | 1, _cpu));
        if (!CpuFeatures.Has(_template, "xsave"))
            yield break;
        ulong components = StateComponents(_template);
        bool avx = (components & 4) != 0;
        yield return Entry(0xD, 0, new CpuidLeaf((uint)components, LegacyStateSize, LegacyStateSize + (avx ? AvxStateSize : 0), 0));
        uint variants = CpuFeatures.Bits(_template, 0xD, 1, CpuidRegister.Eax);
        if (variants != 0)
            yield return Entry(0xD, 1, new CpuidLeaf(variants, LegacyStateSize, 0, 0));
        if (avx)
            yield return Entry(0xD, 2, new CpuidLeaf(AvxStateSize, LegacyStateSize, 0, 0));
    }

    private IEnumerable<CpuidEntry> Hypervisor()
    {
        yield return Entry(HypervisorBase, Text(MaximumHypervisor, "KVMK", "VMKV", "M\0\0\0"));
        yield return Entry(0x4000_0001, Features(0x4000_0001));
    }

    private IEnumerable<CpuidEntry> Extended()
    {
        yield return Entry(ExtendedBase, new CpuidLeaf(MaximumExtended, 0, 0, 0));
        yield return Entry(0x8000_0001, Features(0x8000_0001));
        string brand = _template switch
        {
            CpuTemplate.Host => "EnclaveTesting software CPU",
            CpuTemplate.Baseline => "EnclaveTesting CPU x86-64-v1",
            CpuTemplate.V2 => "EnclaveTesting CPU x86-64-v2",
            _ => "EnclaveTesting CPU x86-64-v3",
        };
        uint[] words = MemoryMarshal.Cast<byte, uint>(Encoding.ASCII.GetBytes(brand.PadRight(48, '\0'))).ToArray();
        for (uint i = 0; i < 3; i++)
            yield return Entry(0x8000_0002 + i, new CpuidLeaf(words[4 * i], words[(4 * i) + 1], words[(4 * i) + 2], words[(4 * i) + 3]));
        yield return Entry(0x8000_0006, new CpuidLeaf(0, 0, 0x0100_6040, 0)); // the cache of 256 KiB that old programs ask for
        yield return Entry(0x8000_0007, Features(0x8000_0007));
        yield return Entry(0x8000_0008, new CpuidLeaf(SoftwareCpu.PhysicalAddressBits | (48 << 8), 0, 0, 0));
    }

    private CpuidLeaf Features(uint function) => new(
        CpuFeatures.Bits(_template, function, 0, CpuidRegister.Eax),
        CpuFeatures.Bits(_template, function, 0, CpuidRegister.Ebx),
        CpuFeatures.Bits(_template, function, 0, CpuidRegister.Ecx),
        CpuFeatures.Bits(_template, function, 0, CpuidRegister.Edx));

    private static CpuidEntry Entry(uint function, CpuidLeaf leaf) => new(function, null, leaf);

    private static CpuidEntry Entry(uint function, uint index, CpuidLeaf leaf) => new(function, index, leaf);

    private static CpuidLeaf Text(uint maximum, string ebx, string ecx, string edx) => new(maximum, Word(ebx), Word(ecx), Word(edx));

    private static uint Word(string text) => BitConverter.ToUInt32(Encoding.ASCII.GetBytes(text));
}
