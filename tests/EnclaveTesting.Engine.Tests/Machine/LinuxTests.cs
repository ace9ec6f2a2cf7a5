using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
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
        await using BareMetalGuest linux = await BareMetalGuest.StartUntilReadyAsync(LinuxGuest.Image(), new MicroVmOptions { Accelerator = accelerator, Cpus = cpus });

        (await linux.CommandAsync("ping")).Should().Be("pong");
        (await linux.CommandAsync("cid")).Should().Be("16");
        (await linux.CommandAsync("env GREETING")).Should().Be("hello");
        (await linux.CommandAsync("cpus")).Should().Be($"{cpus}");
        byte[] pattern = new byte[100_000];
        new Random(7).NextBytes(pattern);
        await using (VsockStream echo = await linux.WithinAsync(linux.Machine.Vsock.ConnectAsync(5000)))
        {
            byte[] back = new byte[pattern.Length];
            Task write = echo.WriteAsync(pattern).AsTask();
            await linux.WithinAsync(echo.ReadExactlyAsync(back).AsTask());
            await linux.WithinAsync(write);
            back.Should().Equal(pattern);
        }

        await using VsockStream lines = await linux.WithinAsync(linux.Machine.Vsock.ConnectAsync(5001));
        await lines.WriteAsync("exit 3\n"u8.ToArray());
        VmExit exit = await linux.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.Reboot, linux.Console);
        linux.Console.Should().Contain("init: /enclave-app exited with status 3");
        linux.Machine.UnclaimedAccesses.Should().BeSubsetOf(["read of port 0x87"], "Linux looks for a DMA controller and nothing else");
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
