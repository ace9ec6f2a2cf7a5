using System.Globalization;
using System.Text;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Cpuid;
using EnclaveTesting.Engine.Accelerators.Software.Chipset;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using Iced.Intel;
using Microsoft.Extensions.Logging.Abstractions;

namespace EnclaveTesting.Engine.Tests.Software;

/// <summary>
/// Keeps docs/instructions.md true: it is made of the software CPU's own tables. After changing them, run this test with
/// ENCLAVE_REFRESH_DOCS=true, and the page is written anew.
/// </summary>
public sealed class InstructionPageTests
{
    private const string RefreshVariable = "ENCLAVE_REFRESH_DOCS";

    private static readonly CpuTemplate[] Templates = [CpuTemplate.Baseline, CpuTemplate.V2, CpuTemplate.V3, CpuTemplate.Host];

    // What x86-64 processors have besides, and why it is not here. Everything else that is missing stands on the page by itself.
    private static readonly (string What, string Why)[] Missing =
    [
        ("AVX-512, AMX, AVX-VNNI, AVX-IFMA, AVX10", "beyond x86-64-v3; programs look for them by CPUID"),
        ("SHA, SM3, SM4, GFNI, VAES and VPCLMULQDQ of 256 bits", "beyond x86-64-v3; libraries have code without them"),
        ("XSAVES, XRSTORS, PKU, CET (ENDBR does nothing), MPX, TSX", "not told by CPUID; kernels do without"),
        ("INVPCID and CR4.PCIDE", "not told by CPUID; kernels load CR3 instead"),
        ("MONITOR, MWAIT, WAITPKG", "a virtual machine's CPU waits by HLT"),
        ("VMX and SVM but their calls, SGX, TDX, SEV, Key Locker", "no virtual machines or enclaves inside; VMCALL and VMMCALL answer as KVM does to a call that it does not know"),
        ("3DNow!, SSE4A, XOP, FMA4, TBM, LWP and other instructions of single makers", "never on Intel's processors, which this one is like"),
        ("Virtual-8086 mode, hardware task switches, call gates", "64-bit kernels have no use for them; a gate to them raises #GP"),
        ("SMM, performance counters, last branch records", "RSM is undefined, RDPMC raises #GP"),
        ("Branch steps (BTF), bus-lock and RTM debugging", "breakpoints by DR0 to DR3 and DR7 and steps by RFLAGS.TF work; what the delivery of an interrupt stores hits nothing, and loads of SS hold no trap off"),
    ];

    private static readonly Dictionary<uint, string> MsrNames = new()
    {
        [0x10] = "IA32_TIME_STAMP_COUNTER",
        [0x17] = "IA32_PLATFORM_ID",
        [0x1B] = "IA32_APIC_BASE",
        [0x3B] = "IA32_TSC_ADJUST",
        [0x48] = "IA32_SPEC_CTRL",
        [0x8B] = "IA32_BIOS_SIGN_ID",
        [0xFE] = "IA32_MTRRCAP",
        [0x10A] = "IA32_ARCH_CAPABILITIES",
        [0x174] = "IA32_SYSENTER_CS",
        [0x175] = "IA32_SYSENTER_ESP",
        [0x176] = "IA32_SYSENTER_EIP",
        [0x179] = "IA32_MCG_CAP",
        [0x17A] = "IA32_MCG_STATUS",
        [0x1A0] = "IA32_MISC_ENABLE",
        [0x277] = "IA32_PAT",
        [0x2FF] = "IA32_MTRR_DEF_TYPE",
        [0x6E0] = "IA32_TSC_DEADLINE",
        [0xC000_0080] = "IA32_EFER",
        [0xC000_0081] = "IA32_STAR",
        [0xC000_0082] = "IA32_LSTAR",
        [0xC000_0083] = "IA32_CSTAR",
        [0xC000_0084] = "IA32_FMASK",
        [0xC000_0100] = "IA32_FS_BASE",
        [0xC000_0101] = "IA32_GS_BASE",
        [0xC000_0102] = "IA32_KERNEL_GS_BASE",
        [0xC000_0103] = "IA32_TSC_AUX",
        [0x11] = "MSR_KVM_WALL_CLOCK",
        [0x12] = "MSR_KVM_SYSTEM_TIME",
        [0x4B56_4D00] = "MSR_KVM_WALL_CLOCK_NEW",
        [0x4B56_4D01] = "MSR_KVM_SYSTEM_TIME_NEW",
    };

    [Fact]
    public void The_page_tells_what_the_tables_hold()
    {
        string path = Path.Combine(Root(), "docs", "instructions.md");
        string page = Page();

        if (Environment.GetEnvironmentVariable(RefreshVariable) == "true")
            File.WriteAllText(path, page);
        else
            File.ReadAllText(path).Should().Be(page, $"docs/instructions.md is made of the tables (after changing them: {RefreshVariable}=true)");
    }

    private static string Page()
    {
        var text = new StringBuilder();
        text.Append("""
            # What the software CPU executes

            This page is made of the software CPU's own tables by a test and is compared with them by every run of the tests.
            An instruction that is not here is undefined (#UD); one of another x86 processor is told besides, with its address and its
            bytes, by `enclave run` and in a failing test's output.

            A template is what `WithCpuTemplate` and `--cpu-template` take. On the software CPU the instructions above it are undefined,
            and the bits of control registers and the MSRs that belong to them raise #GP, as on a processor without them.

            ## Instructions


            """);
        text.Append("| Feature | Templates | Instructions |\n|---|---|---|\n");
        foreach (var group in Implemented().GroupBy(Feature).OrderBy(group => group.Key, StringComparer.Ordinal))
            text.Append($"| {group.Key} | {InTemplates(group.First())} | {Mnemonics(group)} |\n");

        text.Append("\n## Missing\n\n| What | Why |\n|---|---|\n");
        foreach ((string what, string why) in Missing)
            text.Append($"| {what} | {why} |\n");
        // Of virtualisation there are only a guest's calls.
        HashSet<string> known = [.. Implemented().Select(Feature).Where(feature => feature is not ("VMX" or "SVM"))];
        HashSet<Mnemonic> mnemonics = [.. Implemented().Select(code => code.Mnemonic())];
        Unknown().Where(code => known.Contains(Feature(code)) && !mnemonics.Contains(code.Mnemonic())).Should().BeEmpty("features are implemented whole");
        text.Append("\nThe features in the list above are whole.\n");

        text.Append("\n## CPUID\n\nThe first of two CPUs, as after reset; leaves that are not here are zero, and leaves beyond the largest of their range answer as leaf 0xD does.\n");
        text.Append("The frequency of the TSC is no part of it: a guest finds it out by its clock.\n");
        foreach (CpuTemplate template in Templates)
        {
            text.Append($"\n### {template}\n\n");
            if (template == CpuTemplate.Host)
                text.Append("The software CPU's own; on KVM `Host` is what the host's KVM supports.\n\n");
            text.Append("| Leaf | Subleaf | EAX | EBX | ECX | EDX |\n|---|---|---|---|---|---|\n");
            foreach (CpuidEntry entry in new CpuidTable(template, 0, 2).Entries)
                text.Append(CultureInfo.InvariantCulture, $"| 0x{entry.Function:X8} | {entry.Index} | {entry.Leaf.Eax:X8} | {entry.Leaf.Ebx:X8} | {entry.Leaf.Ecx:X8} | {entry.Leaf.Edx:X8} |\n");
        }

        text.Append("\n## Features in CPUID\n\n| Name | Leaf | Bit | Templates |\n|---|---|---|---|\n");
        foreach (CpuFeature feature in CpuFeatures.All)
            text.Append(CultureInfo.InvariantCulture, $"| {feature.Name} | 0x{feature.Function:X}{(feature.Index == 0 ? "" : $".{feature.Index}")} | {feature.Register.ToString().ToUpperInvariant()} {feature.Bit} | {Levels(feature.From)} |\n");

        text.Append("\n## Model-specific registers\n\nThose that can be read; others raise #GP.\n\n| Number | Name |\n|---|---|\n");
        foreach (uint index in ReadableMsrs())
            text.Append(CultureInfo.InvariantCulture, $"| 0x{index:X} | {MsrName(index)} |\n");
        return text.ToString();
    }

    private static IEnumerable<Code> Implemented() => Enum.GetValues<Code>().Where(InstructionSet.Table.Contains);

    // Assemblers' names for WAIT and another instruction are none.
    private static IEnumerable<Code> Unknown() => Enum.GetValues<Code>().Where(code =>
        code != Code.INVALID && code.ToOpCode().IsInstruction && !InstructionSet.Table.Contains(code)
        && !(code.Mnemonic().ToString() is ['F', .. string rest] && Enum.TryParse("Fn" + rest, out Mnemonic _)));

    private static string Feature(Code code) => string.Join(" + ", code.CpuidFeatures());

    private static string InTemplates(Code code) => Levels(code.CpuidFeatures()
        .Select(needed => InstructionSet.Features.TryGetValue(needed, out string? name) ? CpuFeatures.All.Single(feature => feature.Name == name).From : CpuTemplate.Baseline)
        .MaxBy(template => Array.IndexOf(Templates, template)));

    private static string Levels(CpuTemplate from) => from switch
    {
        CpuTemplate.Baseline => "all",
        CpuTemplate.Host => "Host",
        _ => string.Join(", ", Templates[Array.IndexOf(Templates, from)..]),
    };

    private static string Mnemonics(IEnumerable<Code> codes)
        => string.Join(", ", codes.Select(code => code.Mnemonic().ToString().ToLowerInvariant()).Distinct().Order(StringComparer.Ordinal));

    private static string MsrName(uint index) => index switch
    {
        >= 0x200 and <= 0x20F => $"IA32_MTRR_PHYS{((index & 1) == 0 ? "BASE" : "MASK")}{(index - 0x200) / 2}",
        >= 0x250 and <= 0x26F => "IA32_MTRR_FIX",
        >= 0x800 and <= 0x8FF => $"x2APIC register 0x{(index - 0x800) << 4:X3}",
        _ => MsrNames[index],
    };

    private static List<uint> ReadableMsrs()
    {
        using GuestMemory memory = GuestMemory.Allocate(GuestMemory.MinimumSize);
        var nobody = new Nobody();
        var chipset = new SoftwareChipset(new VirtualMachineConfiguration(memory, 1, NullLogger.Instance), nobody, new Chipset.ManualClock(), TimeProvider.System, nobody, new UnimplementedInstructions());
        using var cpu = new SoftwareCpu(0, memory, chipset);
        chipset.TryWriteMsr(0, 0x1B, 0xFEE0_0D00).Should().BeTrue("x2APIC mode can be turned on");
        var readable = new List<uint>();
        foreach ((uint first, uint last) in new (uint, uint)[] { (0, 0x1FFF), (0x4B56_4D00, 0x4B56_4DFF), (0xC000_0000, 0xC000_1FFF) })
        {
            for (uint index = first; index <= last; index++)
            {
                if (cpu.ReadMsr(index, out _))
                    readable.Add(index);
            }
        }

        return readable;
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "EnclaveTesting.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException($"{AppContext.BaseDirectory} is not in a clone of the repository.");
        return folder.FullName;
    }

    /// <summary>A machine in which nothing is.</summary>
    private sealed class Nobody : IMachineBus, IApicHost
    {
        public uint ReadPort(ushort port, int size) => uint.MaxValue;

        public void WritePort(ushort port, int size, uint value)
        {
        }

        public void ReadMmio(GuestAddress address, Span<byte> data) => data.Fill(0xFF);

        public void WriteMmio(GuestAddress address, ReadOnlySpan<byte> data)
        {
        }

        public void DoHostWork()
        {
        }

        public void Ended(VmExit exit)
        {
        }

        public void InterruptPending(int cpu)
        {
        }

        public void NonMaskable(int cpu)
        {
        }

        public void Init(int cpu)
        {
        }

        public void StartUp(int cpu, byte page)
        {
        }
    }
}
