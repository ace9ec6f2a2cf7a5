using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>The bare-metal guests in whole machines: how they start, talk and end.</summary>
public class MicroVmTests
{
    [Theory]
    [InlineData("hello", "")]
    [InlineData("hello64", "")]
    [InlineData("hello", "features=indirect,event_idx")]
    public async Task Hello_boots_talks_and_reboots(string guest, string options)
    {
        await using BareMetalGuest hello = await BareMetalGuest.StartHelloAsync(new MicroVmOptions { ExtraCommandLine = options }, guest);

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
    [InlineData("panic", "", VmExitReason.Panic, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(1,0)")]
    [InlineData("panic", "panic=-1", VmExitReason.Panic, "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(1,0)")]
    [InlineData("triple-fault", "", VmExitReason.TripleFault, "double fault")]
    [InlineData("halt", "", VmExitReason.Halt, "interrupts disabled")]
    [InlineData("ud", "", VmExitReason.Reboot, "keyboard controller")]
    [InlineData("timer", "", VmExitReason.Reboot, "keyboard controller")]
    public async Task Each_end_has_its_reason(string guest, string options, VmExitReason reason, string detail)
    {
        await using BareMetalGuest machine = BareMetalGuest.Start(guest, new MicroVmOptions { ExtraCommandLine = options });

        VmExit exit = await machine.ExitAsync();

        exit.Reason.Should().Be(reason, machine.Console);
        exit.Detail.Should().Contain(detail);
    }

    [Theory]
    [InlineData("spin", "spinning")]
    [InlineData("no-heartbeat", "sleeping")]
    [InlineData("silent", "")]
    public async Task A_guest_that_never_ends_is_stopped(string guest, string sign)
    {
        await using BareMetalGuest machine = BareMetalGuest.Start(guest);
        await machine.WaitForConsoleAsync(sign);

        VmExit exit = await machine.WithinAsync(machine.Machine.StopAsync());

        exit.Reason.Should().Be(VmExitReason.Stopped);
        machine.Machine.Exited.IsCompletedSuccessfully.Should().BeTrue();
    }

    [Fact]
    public async Task Several_processors_count_together()
    {
        await using BareMetalGuest machine = BareMetalGuest.Start("smp", new MicroVmOptions { Cpus = 4 });

        (await machine.ExitAsync()).Reason.Should().Be(VmExitReason.Reboot);

        machine.Console.Should().Contain("smp: MP table lists 4 cpus").And.Contain("smp: 4 cpus counted to 4000, as they should");
    }

    [Fact]
    public async Task The_security_module_answers()
    {
        await using BareMetalGuest machine = BareMetalGuest.Start("nsm");

        (await machine.ExitAsync()).Reason.Should().Be(VmExitReason.Reboot);

        machine.Console.Should().Contain("device id 33").And.MatchRegex("nsm: DescribeNSM: [0-9]{2,} bytes a1").And.MatchRegex("nsm: GetRandom: 2[0-9]{2} bytes a1").And.Contain("nsm: done");
    }

    [Theory]
    [InlineData("")]
    [InlineData("features=indirect,event_idx")]
    public async Task A_driver_that_breaks_the_rules_gets_a_device_error(string options)
    {
        await using BareMetalGuest machine = BareMetalGuest.Start("bad-virtqueue", new MicroVmOptions { ExtraCommandLine = options });

        VmExit exit = await machine.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.Reboot, machine.Console);
        machine.Console.Should().EndWith("config-writes: status 0x0f\ndone\n");
        machine.Console.Split('\n').Count(line => line.EndsWith("needs reset", StringComparison.Ordinal)).Should().BeGreaterThan(10, machine.Console);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Random_accesses_harm_nothing(int seed)
    {
        await using BareMetalGuest machine = BareMetalGuest.Start("mmio-fuzz", new MicroVmOptions { ExtraCommandLine = $"seed={seed}" });

        VmExit exit = await machine.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.Reboot, machine.Console);
        machine.Console.Should().EndWith("fuzz: done\n");
    }
}
