using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>Kernels that nobody made for enclaves: Debian's for clouds, as they are packaged.</summary>
public class DistributionKernelTests
{
    private const string DescribeNsm = "6b44657363726962654e534d";

    // They are ten times as large as the guest kit's.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    [DistributionTheory]
    [Fetched("6.1", 1, false, Kernel = "6.1")]
    [Fetched("6.1", 2, true, Kernel = "6.1")]
    [Fetched("6.12", 1, false, Kernel = "6.12")]
    [Fetched("6.12", 4, true, Kernel = "6.12")]
    public async Task A_cloud_kernel_boots_with_acpi_and_modules_talks_both_ways_and_reboots(string version, int cpus, bool decompress)
    {
        var options = new MicroVmOptions { Accelerator = Accelerator.Software, Acpi = true, Cpus = cpus, Decompress = decompress };
        await using BareMetalGuest linux = await BareMetalGuest.StartUntilReadyAsync(Distribution.Kernel(version, LinuxGuest.Application()), options, Patience);

        linux.Console.Should().Contain($"Linux version {version}.").And.Contain("ACPI: 1 ACPI AML tables successfully acquired and loaded");
        linux.Machine.CommandLine.Should().NotContain("virtio_mmio.device");
        await linux.TalkBothWaysAsync(cpus);
        if (version != "6.1") // which has no driver for the security module
            (await linux.CommandAsync("nsm " + DescribeNsm)).Should().StartWith("a1");
        await linux.RebootAsync();

        linux.Machine.Diagnostics.Should().BeEmpty();
        linux.Console.Should().NotContainAny("soft lockup", "rcu_sched", "self-detected stall", "WARNING:", "BUG:", "Call Trace");
    }

    [DistributionTheory]
    [Fetched("6.1", 4, Kernel = "6.1")]
    [Fetched("6.12", 2, Kernel = "6.12")]
    [Fetched("6.12", 8, Kernel = "6.12")]
    public async Task A_cloud_kernel_works_on_several_cpus(string version, int cpus)
    {
        var options = new MicroVmOptions { Accelerator = Accelerator.Software, Acpi = true, Cpus = cpus };
        await using BareMetalGuest linux = await BareMetalGuest.StartUntilReadyAsync(Distribution.Kernel(version, LinuxGuest.Application()), options, Patience);

        await linux.WorkOnAllCpusAsync(cpus);

        linux.Machine.Diagnostics.Should().BeEmpty();
    }

    [DistributionTheory]
    [Fetched("6.12", 1, Kernel = "6.12")]
    [Fetched("6.12", 2, Kernel = "6.12")]
    public async Task Clones_of_a_cloud_kernel_draw_random_numbers_of_their_own(string version, int cpus)
    {
        var options = new MicroVmOptions { Accelerator = Accelerator.Software, Time = MachineTime.Host, Acpi = true, Cpus = cpus };
        await using BareMetalGuest linux = await BareMetalGuest.StartUntilReadyAsync(Distribution.Kernel(version, LinuxGuest.Application()), options, Patience);
        using MachineSnapshot snapshot = await linux.Machine.CaptureAsync();
        await using BareMetalGuest one = BareMetalGuest.Restore(snapshot, options);
        await using BareMetalGuest other = BareMetalGuest.Restore(snapshot, options);

        string[] numbers = [await one.ForkedRandomAsync(), await other.ForkedRandomAsync()];

        numbers.Should().OnlyHaveUniqueItems();
        linux.Console.Should().NotContain(LinuxConversation.Forked);
    }
}
