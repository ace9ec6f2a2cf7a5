using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>The Linux guest kit in whole machines.</summary>
public class LinuxTests
{
    [Theory]
    [OnSoftware(1)]
    [OnSoftware(2)]
    [OnKvm(2, RealCode = true)]
    public async Task Linux_boots_talks_both_ways_and_reboots(Accelerator accelerator, int cpus)
    {
        var options = new MicroVmOptions { Accelerator = accelerator, Cpus = cpus };
        await using BareMetalGuest linux = await BareMetalGuest.StartUntilReadyAsync(LinuxGuest.Image(), options);

        await linux.TalkBothWaysAsync(cpus);
        await linux.RebootAsync();

        linux.Machine.UnclaimedAccesses.Should().BeSubsetOf(["read of port 0x87", "write to port 0xcf8", "read of port 0xcfc"], "Linux looks for a DMA controller and for PCI and nothing else");
        linux.Machine.Diagnostics.Should().BeEmpty();
    }

    [Theory]
    [InlineData(CpuTemplate.Baseline, "EnclaveTesting CPU x86-64-v1 (family: 0x6, model: 0x36, stepping: 0x9)", "x86/fpu: x87 FPU will use FXSAVE")]
    [InlineData(CpuTemplate.V3, "EnclaveTesting CPU x86-64-v3 (family: 0x6, model: 0x36, stepping: 0x9)", "using 'standard' format")]
    public async Task Linux_boots_on_the_processor_of_a_template(CpuTemplate template, string name, string state)
    {
        await using BareMetalGuest linux = await BareMetalGuest.StartUntilReadyAsync(
            LinuxGuest.Image(), new MicroVmOptions { Accelerator = Accelerator.Software, CpuTemplate = template });

        (await linux.CommandAsync("ping")).Should().Be("pong");
        linux.Console.Should().Contain(name).And.Contain(state);
        linux.Console.Should().NotContain("Mitigation", "what a kernel does against speculation would depend on the host").And.NotContain("Vulnerable");
    }

    [Theory]
    [OnSoftware(2)]
    [OnSoftware(4)]
    [OnSoftware(8)]
    [OnKvm(4, RealCode = true)]
    public async Task Linux_works_on_several_cpus(Accelerator accelerator, int cpus)
    {
        var options = new MicroVmOptions { Accelerator = accelerator, Cpus = cpus };
        await using BareMetalGuest linux = await BareMetalGuest.StartUntilReadyAsync(LinuxGuest.Image(), options);

        await linux.WorkOnAllCpusAsync(cpus);

        linux.Machine.Diagnostics.Should().BeEmpty();
    }

    [Theory]
    [OnSoftware]
    [OnKvm(RealCode = true)]
    public async Task A_heartbeat_that_nobody_answers_is_a_panic(Accelerator accelerator)
    {
        await using BareMetalGuest linux = BareMetalGuest.Start(LinuxGuest.Image(), new MicroVmOptions { Accelerator = accelerator, ExtraCommandLine = "panic=-1" });

        VmExit exit = await linux.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.Panic, linux.Console);
        exit.Detail.Should().Contain("Attempted to kill init!");
    }
}
