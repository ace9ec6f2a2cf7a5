using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Tests.Machine;

namespace EnclaveTesting.Engine.Tests.Accelerators;

/// <summary>What the probe guest makes of good and bad accelerators, and what is chosen for it.</summary>
public class AcceleratorProbeTests
{
    [Theory]
    [InlineData("SCTK", true, "ran well")]
    [InlineData("s", false, "SSE2: wrong result")]
    [InlineData("Sc", false, "cmpxchg16b: wrong result")]
    [InlineData("SC", false, "timer: nothing came within 50 ms")]
    [InlineData("", false, "SSE2: nothing came within 50 ms")]
    public void The_letters_tell(string letters, bool works, string finding)
    {
        var accelerator = new ScriptedAccelerator(bus =>
        {
            foreach (char letter in letters)
                bus.WritePort(0xF4, 1, letter);
        });

        AcceleratorProbe probe = AcceleratorProbe.Run(accelerator, TimeSpan.FromMilliseconds(50));

        probe.Works.Should().Be(works);
        probe.Finding.Should().Contain(finding);
        accelerator.IsDisposed.Should().BeTrue();
    }

    [Fact]
    public void An_early_end_is_named_with_its_bytes()
    {
        var accelerator = new ScriptedAccelerator(bus =>
        {
            bus.WritePort(0xF4, 1, 'S');
            bus.Ended(new VmExit(VmExitReason.HypervisorError, "KVM could not emulate an instruction.") { InstructionBytes = new byte[] { 0xF0, 0x48 } });
        });

        AcceleratorProbe probe = AcceleratorProbe.Run(accelerator);

        probe.Works.Should().BeFalse();
        probe.Finding.Should().Contain("failed at cmpxchg16b: KVM could not emulate an instruction.").And.Contain("f048");
    }

    [Fact]
    public void A_kvm_that_is_not_there_does_not_work()
    {
        AcceleratorProbe probe = AcceleratorProbe.Run(new KvmAccelerator("/dev/no-such-kvm"));

        probe.Works.Should().BeFalse();
        probe.Finding.Should().Contain(OperatingSystem.IsLinux() ? "/dev/no-such-kvm" : "KVM needs Linux");
    }

    [Fact]
    public void The_software_cpu_passes() => AcceleratorProbe.Run(AcceleratorChoice.Resolve(Accelerator.Software).Accelerator, BareMetalGuest.Patience).Works.Should().BeTrue();

    [Theory]
    [InlineData(true, Accelerator.Kvm, "as found")]
    [InlineData(false, Accelerator.Software, "KVM cannot be used: as found")]
    public void What_was_found_decides(bool works, Accelerator chosen, string reason)
    {
        AcceleratorChoice choice = AcceleratorChoice.Choose(new AcceleratorProbe(works, "as found"));

        choice.Accelerator.Kind.Should().Be(chosen);
        choice.Reason.Should().Be(reason);
    }

    // True on every host: the larger probe guest, which is C, comes to the same end as the small one, and the choice follows.
    [KvmFact]
    public async Task Kvm_is_chosen_exactly_where_it_runs_real_code()
    {
        AcceleratorProbe probe = KvmFactAttribute.Probe;
        await using BareMetalGuest guest = BareMetalGuest.Start("probe", new MicroVmOptions { Accelerator = Accelerator.Kvm, SoftwareAssist = false });
        VmExit exit = await guest.ExitAsync();

        (exit.Reason == VmExitReason.Reboot).Should().Be(probe.Works, $"{exit}; {probe.Finding}");
        if (Environment.GetEnvironmentVariable(AcceleratorChoice.EnvironmentVariable) is null or "" or "auto")
            AcceleratorChoice.Resolve(Accelerator.Auto).Accelerator.Kind.Should().Be(probe.Works ? Accelerator.Kvm : Accelerator.Software, probe.Finding);
        if (!probe.Works)
            probe.Finding.Should().MatchRegex("failed at (SSE2|cmpxchg16b|the local APIC's timer)");
    }
}
