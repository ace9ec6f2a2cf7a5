using System.Text.RegularExpressions;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>What every Linux with enclave-app must do, whatever its kernel.</summary>
internal static class LinuxConversation
{
    /// <summary>What a kernel prints that knows that it was cloned and has renewed its random numbers (drivers/char/random.c).</summary>
    public const string Forked = "random: crng reseeded due to virtual machine fork\n";

    /// <summary>Commands, and a pattern there and back.</summary>
    public static async Task TalkBothWaysAsync(this BareMetalGuest linux, int cpus)
    {
        (await linux.CommandAsync("ping")).Should().Be("pong");
        (await linux.CommandAsync("cid")).Should().Be("16");
        (await linux.CommandAsync("env GREETING")).Should().Be("hello");
        (await linux.CommandAsync("cpus")).Should().Be($"{cpus}");
        await linux.EchoAsync();
    }

    /// <summary>More work than there are CPUs, so that all have some; each must have taken part and none may have been waited for in vain.</summary>
    public static async Task WorkOnAllCpusAsync(this BareMetalGuest linux, int cpus)
    {
        const string work = "work 300000";
        string expected = (await linux.CommandAsync(work)).Split(' ')[0];

        Task<string>[] results = [.. Enumerable.Range(0, 3 * cpus).Select(_ => linux.CommandAsync(work))];
        Task[] echoes = [.. Enumerable.Range(0, cpus).Select(_ => linux.EchoAsync())];
        (await Task.WhenAll(results)).Should().OnlyContain(result => result.StartsWith(expected + " ns ", StringComparison.Ordinal));
        await Task.WhenAll(echoes);
        (await linux.CommandAsync($"fork {4 * cpus}")).Should().Be("ok");

        string interrupts = await linux.CommandAsync("file /proc/interrupts");
        Counts(interrupts, "LOC").Should().HaveCount(cpus, interrupts).And.OnlyContain(count => count > 0, "each CPU has its timer");
        (Counts(interrupts, "RES").Sum() + Counts(interrupts, "CAL").Sum()).Should().BePositive("CPUs have called each other");
        linux.Console.Should().NotContainAny("soft lockup", "hard LOCKUP", "rcu_sched", "rcu_preempt", "self-detected stall", "TSC warp", "Marking TSC unstable");
    }

    /// <summary>What a clone draws from getrandom once its kernel has seen that it is one.</summary>
    public static async Task<string> ForkedRandomAsync(this BareMetalGuest linux)
    {
        await linux.WaitForConsoleAsync(Forked);
        return await linux.CommandAsync("random 32");
    }

    /// <summary>A pattern to the application and back.</summary>
    public static async Task EchoAsync(this BareMetalGuest linux)
    {
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

    // A row of /proc/interrupts, whose lines the application joins by blanks.
    private static long[] Counts(string interrupts, string row) =>
        [.. Regex.Match(interrupts, row + @":((?:\s+\d+)+)").Groups[1].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(long.Parse)];
}
