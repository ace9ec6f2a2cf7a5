using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>What every Linux with enclave-app must do, whatever its kernel.</summary>
internal static class LinuxConversation
{
    /// <summary>Commands, and a pattern there and back.</summary>
    public static async Task TalkBothWaysAsync(this BareMetalGuest linux, int cpus)
    {
        (await linux.CommandAsync("ping")).Should().Be("pong");
        (await linux.CommandAsync("cid")).Should().Be("16");
        (await linux.CommandAsync("env GREETING")).Should().Be("hello");
        (await linux.CommandAsync("cpus")).Should().Be($"{cpus}");
        byte[] pattern = new byte[100_000];
        new Random(7).NextBytes(pattern);
        await using VsockStream echo = await linux.WithinAsync(linux.Machine.Vsock.ConnectAsync(5000));
        byte[] back = new byte[pattern.Length];
        Task write = echo.WriteAsync(pattern).AsTask();
        await linux.WithinAsync(echo.ReadExactlyAsync(back).AsTask());
        await linux.WithinAsync(write);
        back.Should().Equal(pattern);
    }

    /// <summary>Has the application end, upon which init resets the machine.</summary>
    public static async Task RebootAsync(this BareMetalGuest linux)
    {
        await using VsockStream lines = await linux.WithinAsync(linux.Machine.Vsock.ConnectAsync(5001));
        await lines.WriteAsync("exit 3\n"u8.ToArray());
        VmExit exit = await linux.ExitAsync();

        exit.Reason.Should().Be(VmExitReason.Reboot, linux.Console);
        linux.Console.Should().Contain("init: /enclave-app exited with status 3");
    }
}
