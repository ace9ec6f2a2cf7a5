using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>The bare-metal guests in whole machines, on each accelerator: how they start, talk and end.</summary>
public class MicroVmTests
{
    [Theory]
    [OnKvm("hello", "")]
    [OnSoftware("hello", "")]
    [OnKvm("hello64", "")]
    [OnSoftware("hello64", "")]
    [OnKvm("hello", "features=indirect,event_idx")]
    [OnSoftware("hello", "features=indirect,event_idx")]
    public async Task Hello_boots_talks_and_reboots(Accelerator accelerator, string guest, string options)
    {
        await using BareMetalGuest hello = await BareMetalGuest.StartHelloAsync(new MicroVmOptions { Accelerator = accelerator, ExtraCommandLine = options }, guest);

        (await hello.CommandAsync("ping")).Should().Be("pong");
        (await hello.CommandAsync("cid")).Should().Be("16");
        await using (VsockStream echo = await hello.Machine.Vsock.ConnectAsync(5000))
        {
            await echo.WriteAsync("over and back"u8.ToArray());
            echo.CompleteWriting();
            (await hello.ReadToEndAsync(echo)).Should().Be("over and back");
        }

        await using VsockStream lines = await hello.Machine.Vsock.ConnectAsync(5001);
        await lines.WriteAsync("exit\n"u8.ToArray());
        VmExit exit = await hello.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.Reboot);
        hello.Console.Should().Contain("heartbeat: sent 0xb7, received 0xb7").And.EndWith("hello: exit requested\n");
    }

    [Theory]
    [OnKvm("panic", "", VmExitReason.Panic, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(1,0)")]
    [OnSoftware("panic", "", VmExitReason.Panic, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(1,0)")]
    [OnKvm("panic", "panic=-1", VmExitReason.Panic, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(1,0)")]
    [OnSoftware("panic", "panic=-1", VmExitReason.Panic, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(1,0)")]
    [OnKvm("triple-fault", "", VmExitReason.TripleFault, "double fault")]
    [OnSoftware("triple-fault", "", VmExitReason.TripleFault, "double fault")]
    [OnKvm("halt", "", VmExitReason.Halt, "interrupts disabled")]
    [OnSoftware("halt", "", VmExitReason.Halt, "interrupts disabled")]
    [OnKvm("ud", "", VmExitReason.Reboot, "keyboard controller")]
    [OnSoftware("ud", "", VmExitReason.Reboot, "keyboard controller")]
    [OnKvm("timer", "", VmExitReason.Reboot, "keyboard controller")]
    [OnSoftware("timer", "", VmExitReason.Reboot, "keyboard controller")]
    public async Task Each_end_has_its_reason(Accelerator accelerator, string guest, string options, VmExitReason reason, string detail)
    {
        await using BareMetalGuest machine = BareMetalGuest.Start(guest, new MicroVmOptions { Accelerator = accelerator, ExtraCommandLine = options });

        VmExit exit = await machine.ExitAsync();

        exit.Reason.Should().Be(reason, machine.Console);
        exit.Detail.Should().Contain(detail);
    }

    [Theory]
    [OnKvm("spin", "spinning")]
    [OnSoftware("spin", "spinning")]
    [OnKvm("no-heartbeat", "sleeping")]
    [OnSoftware("no-heartbeat", "sleeping")]
    [OnKvm("silent", "")]
    [OnSoftware("silent", "")]
    public async Task A_guest_that_never_ends_is_stopped(Accelerator accelerator, string guest, string sign)
    {
        await using BareMetalGuest machine = BareMetalGuest.Start(guest, new MicroVmOptions { Accelerator = accelerator });
        await machine.WaitForConsoleAsync(sign);

        VmExit exit = await machine.WithinAsync(machine.Machine.StopAsync());

        exit.Reason.Should().Be(VmExitReason.Stopped);
        machine.Machine.Exited.IsCompletedSuccessfully.Should().BeTrue();
    }

    [Theory]
    [OnKvm]
    [OnSoftware]
    public async Task Several_processors_count_together(Accelerator accelerator)
    {
        await using BareMetalGuest machine = BareMetalGuest.Start("smp", new MicroVmOptions { Accelerator = accelerator, Cpus = 4 });

        (await machine.ExitAsync()).Reason.Should().Be(VmExitReason.Reboot);

        machine.Console.Should().Contain("smp: MP table lists 4 cpus").And.Contain("smp: 4 cpus counted to 4000, as they should");
    }

    [Theory]
    [OnKvm]
    [OnSoftware]
    public async Task The_security_module_answers(Accelerator accelerator)
    {
        await using BareMetalGuest machine = BareMetalGuest.Start("nsm", new MicroVmOptions { Accelerator = accelerator });

        (await machine.ExitAsync()).Reason.Should().Be(VmExitReason.Reboot);

        machine.Console.Should().Contain("device id 33").And.MatchRegex("nsm: DescribeNSM: [0-9]{2,} bytes a1").And.MatchRegex("nsm: GetRandom: 2[0-9]{2} bytes a1").And.Contain("nsm: done");
    }

    [Theory]
    [OnKvm("")]
    [OnSoftware("")]
    [OnKvm("features=indirect,event_idx")]
    [OnSoftware("features=indirect,event_idx")]
    public async Task A_driver_that_breaks_the_rules_gets_a_device_error(Accelerator accelerator, string options)
    {
        await using BareMetalGuest machine = BareMetalGuest.Start("bad-virtqueue", new MicroVmOptions { Accelerator = accelerator, ExtraCommandLine = options });

        VmExit exit = await machine.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.Reboot, machine.Console);
        machine.Console.Should().EndWith("config-writes: status 0x0f\ndone\n");
        machine.Console.Split('\n').Count(line => line.EndsWith("needs reset", StringComparison.Ordinal)).Should().BeGreaterThan(10, machine.Console);
    }

    [Theory]
    [OnKvm(1)]
    [OnSoftware(1)]
    [OnKvm(2)]
    [OnSoftware(2)]
    public async Task Random_accesses_harm_nothing(Accelerator accelerator, int seed)
    {
        await using BareMetalGuest machine = BareMetalGuest.Start("mmio-fuzz", new MicroVmOptions { Accelerator = accelerator, ExtraCommandLine = $"seed={seed}" });

        VmExit exit = await machine.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.Reboot, machine.Console);
        machine.Console.Should().EndWith("fuzz: done\n");
    }
}
