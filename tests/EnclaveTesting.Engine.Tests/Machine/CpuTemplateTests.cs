using System.Runtime.Versioning;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Cpuid;
using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Engine.Accelerators.Software;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Tests.Accelerators;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>The processors that guests see: what CPUID says on both accelerators, and what a host must have for it.</summary>
public sealed class CpuTemplateTests
{
    [KvmTheory]
    [InlineData(CpuTemplate.Baseline)]
    [InlineData(CpuTemplate.V2)]
    [InlineData(CpuTemplate.V3)]
    public async Task CPUID_is_the_same_on_KVM_and_on_the_software_CPU(CpuTemplate template)
    {
        string kvm = await AskAsync(new UncheckedKvm(), template);
        string software = await AskAsync(new SoftwareAccelerator(), template);

        software.Should().Contain("cpuid: 0x80000001 0: ").And.EndWith("cpuid: done\n");
        // A KVM that interprets the guest's kernel and lets its programs run on the processor cannot hide what that has.
        bool hides = KvmFactAttribute.Probe.Works;
        (hides ? software : WithoutFeatures(software)).Should().Be(hides ? kvm : WithoutFeatures(kvm));
    }

    [KvmTheory]
    [InlineData(CpuTemplate.Baseline)]
    [InlineData(CpuTemplate.V2)]
    [InlineData(CpuTemplate.V3)]
    public void What_this_hosts_KVM_cannot_give_is_refused_by_name_and_Auto_goes_without(CpuTemplate template)
    {
        AcceleratorChoice automatic = AcceleratorChoice.Resolve(Accelerator.Auto, template: template);
        Action onKvm = () => AcceleratorChoice.Resolve(Accelerator.Kvm, template: template);

        if (new KvmAccelerator().WhyNot(template) is not { } problem)
        {
            onKvm.Should().NotThrow();
            return;
        }

        problem.Should().MatchRegex($"lacks [a-z0-9_, ]+, which the CPU template {template} has");
        onKvm.Should().Throw<AcceleratorUnavailableException>().WithMessage(problem);
        automatic.Accelerator.Kind.Should().Be(Accelerator.Software);
    }

    [Theory]
    [InlineData(CpuTemplate.Baseline, "sse2", "rdrand pni popcnt lahf_lm avx xsave")]
    [InlineData(CpuTemplate.V2, "pni ssse3 sse4_1 sse4_2 popcnt cx16 lahf_lm rdrand", "xsave avx bmi1 movbe aes")]
    [InlineData(CpuTemplate.V3, "xsave avx avx2 bmi1 bmi2 f16c fma abm movbe", "aes adx smap xsaveopt")]
    [InlineData(CpuTemplate.Host, "avx2 aes adx smap xsaveopt", "")]
    public async Task The_software_CPU_tells_of_a_templates_level_and_no_more(CpuTemplate template, string has, string lacks)
    {
        Dictionary<(uint Leaf, uint Subleaf), CpuidLeaf> leaves = Parse(await AskAsync(new SoftwareAccelerator(), template));

        foreach (CpuFeature feature in CpuFeatures.All)
        {
            bool told = (leaves[(feature.Function, feature.Index)][feature.Register] & (1u << feature.Bit)) != 0;
            if (has.Split(' ').Contains(feature.Name))
                told.Should().BeTrue(feature.Name);
            if (lacks.Split(' ').Contains(feature.Name))
                told.Should().BeFalse(feature.Name);
        }
    }

    [Fact]
    public void What_KVM_lacks_of_a_template_has_a_name()
    {
        KvmCpuidTable supported = KvmCpuid.Create(CpuTemplate.V2, 0, 1);

        KvmCpuid.FindMissing(supported, CpuTemplate.V2, tscDeadline: true).Should().BeEmpty();
        KvmCpuid.FindMissing(supported, CpuTemplate.V2, tscDeadline: false).Should().Equal("tsc_deadline_timer");
        KvmCpuid.FindMissing(supported, CpuTemplate.V3, tscDeadline: true).Should()
            .BeEquivalentTo("fma", "movbe", "xsave", "avx", "f16c", "bmi1", "avx2", "bmi2", "abm");
    }

    private static async Task<string> AskAsync(IAccelerator accelerator, CpuTemplate template)
    {
        await using BareMetalGuest guest = BareMetalGuest.Start(
            BareMetalGuest.Image("cpuid"), new MicroVmOptions { CpuTemplate = template, Cpus = 2 }, accelerator: new AcceleratorChoice(accelerator, "the test says so"));
        (await guest.ExitAsync()).Reason.Should().Be(VmExitReason.Reboot, guest.Console);
        return guest.Console;
    }

    // Without the leaves about the instructions (1, 7 and 0xD), and those that are answered by the largest of them.
    private static string WithoutFeatures(string console) => string.Join('\n', console.Split('\n').Where(line =>
        !new[] { "00000001", "00000007", "0000000d", "0000000e", "40000002", "40000100", "80000009", "c0000000" }
            .Any(leaf => line.StartsWith("cpuid: 0x" + leaf, StringComparison.Ordinal))));

    private static Dictionary<(uint Leaf, uint Subleaf), CpuidLeaf> Parse(string console)
    {
        var leaves = new Dictionary<(uint, uint), CpuidLeaf>();
        foreach (string line in console.Split('\n').Where(line => line.StartsWith("cpuid: 0x", StringComparison.Ordinal)))
        {
            uint[] numbers = [.. line.Split(' ').Skip(1).Select(word => word.TrimEnd(':')).Select(word =>
                word.StartsWith("0x", StringComparison.Ordinal) ? Convert.ToUInt32(word, 16) : uint.Parse(word))];
            leaves[(numbers[0], numbers[1])] = new CpuidLeaf(numbers[2], numbers[3], numbers[4], numbers[5]);
        }

        return leaves;
    }

    /// <summary>KVM whatever it supports: what CPUID says can be compared on hosts that could not run all of it.</summary>
    private sealed class UncheckedKvm : IAccelerator
    {
        public Accelerator Kind => Accelerator.Kvm;

        public bool IsInterpreter => false;

        [SupportedOSPlatform("linux")]
        public IVirtualMachine CreateMachine(VirtualMachineConfiguration configuration, IMachineBus bus)
        {
            using FileDescriptor kvm = new KvmAccelerator().Open();
            return new KvmVirtualMachine(kvm, configuration, bus);
        }
    }
}
