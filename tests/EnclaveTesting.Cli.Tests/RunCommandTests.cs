using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Cli.Tests;

/// <summary><c>enclave run</c> with the bare-metal guests, in this process.</summary>
public sealed class RunCommandTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Runs_until_the_heartbeat_and_reports()
    {
        var run = await RunAsync("hello", "--until", "heartbeat", "--json");

        run.ExitCode.Should().Be(ExitCode.Ok, run.Error);
        run.Output.Should().StartWith("hello: enclave guest starting\r\n");
        run.Error.Should().MatchRegex($"enclave: {Guest.Accelerator} because it was asked for(, although .+)?; 8 MiB, 1 vCPU, CID 16").And.MatchRegex("enclave: heartbeat after [0-9]+ ms");
        var report = Report(run);
        report.GetProperty("accelerator").GetString().Should().Be(Guest.Accelerator);
        report.GetProperty("acceleratorReason").GetString().Should().StartWith("it was asked for");
        report.GetProperty("outcome").GetString().Should().Be("reached");
        report.GetProperty("exitReason").GetString().Should().Be("stopped");
        report.GetProperty("exitCode").GetInt32().Should().Be(0);
        report.GetProperty("timings").EnumerateObject().Select(time => time.Name).Should().Equal("start", "firstConsoleByte", "heartbeat", "exit");
        report.GetProperty("timings").EnumerateObject().Select(time => time.Value.GetDouble()).Should().BeInAscendingOrder().And.OnlyContain(time => time > 0);
    }

    [Fact]
    public async Task Runs_until_the_enclave_has_ended()
    {
        var run = await RunAsync("hello", "--cmdline", "hello.exit_after_ready", "--json");

        run.ExitCode.Should().Be(ExitCode.Ok, run.Error);
        string[] lines = run.Output.TrimEnd('\n').Split('\n');
        lines[^2].Should().Be("hello: exit requested\r");
        lines.Should().Contain("parent: port 9001 refused\r", "ports that nobody forwards are closed");
        Report(run).GetProperty("exitReason").GetString().Should().Be("reboot");
        run.Error.TrimEnd().Should().EndWith("Reboot: The guest reset the machine by its keyboard controller.");
    }

    [Fact]
    public async Task Devices_are_announced_on_the_command_line_or_by_acpi()
    {
        var asInNitro = await RunAsync("hello", "--until", "vsock: cid 16");
        var acpi = await RunAsync("hello", "--until", "vsock: no device", "--acpi");

        asInNitro.ExitCode.Should().Be(ExitCode.Ok, asInNitro.Error);
        asInNitro.Output.Should().Contain("virtio_mmio.device=");
        acpi.ExitCode.Should().Be(ExitCode.Ok, acpi.Error);
        acpi.Output.Should().NotContain("virtio_mmio.device=", "this guest reads no ACPI tables");
    }

    [Fact]
    public async Task A_recorded_run_runs_again()
    {
        string image = Guest.Write(_directory, "hello"), file = _directory["hello.recording"];

        var recorded = await CommandRun.OfAsync("run", image, "--cmdline", "hello.exit_after_ready", "--record", file, "--json");
        var again = await CommandRun.OfAsync("run", image, "--replay", file, "--json");

        recorded.ExitCode.Should().Be(ExitCode.Ok, recorded.Error);
        again.ExitCode.Should().Be(ExitCode.Ok, again.Error);
        Report(again).GetProperty("instructions").GetInt64().Should().Be(Report(recorded).GetProperty("instructions").GetInt64());
        again.Output[..again.Output.LastIndexOf('{')].Should().Be(recorded.Output[..recorded.Output.LastIndexOf('{')]);
    }

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public async Task A_packed_kernel_is_unpacked_by_whom_it_is_asked_for(string decompress)
    {
        string image = _directory.Write("linux.eif", new EifBuilder().WithKernel(GuestKit.Kernel).WithDefaultMemory(128 << 20).WithDefaultCpus(1)
            .AddRamdisk(NitroRamdisks.CreateBoot(GuestKit.Init).Build()).Build());

        var run = await CommandRun.OfAsync("run", image, "--accelerator", "software", "--decompress", decompress, "--until", "Linux version ", "--json").WaitAsync(Patience);

        run.ExitCode.Should().Be(ExitCode.Ok, run.Error);
        // Unpacking 2.7 MiB is most of the work up to the kernel's first line.
        if (decompress == "true")
            Report(run).GetProperty("instructions").GetInt64().Should().BeLessThan(20_000_000);
        else
            Report(run).GetProperty("instructions").GetInt64().Should().BeGreaterThan(20_000_000);
    }

    [Fact]
    public async Task What_cannot_be_replayed_is_said()
    {
        string image = Guest.Write(_directory, "hello");

        var missing = await CommandRun.OfAsync("run", image, "--replay", _directory["missing"]);
        var other = await CommandRun.OfAsync("run", image, "--replay", image);
        var both = await CommandRun.OfAsync("run", image, "--replay", image, "--memory", "64", "--acpi", "--cpu-template", "v2");

        missing.ExitCode.Should().Be(ExitCode.Environment, missing.Error);
        other.ExitCode.Should().Be(ExitCode.Environment, other.Error);
        other.Error.Should().Contain("not a valid recording at offset 0");
        both.ExitCode.Should().Be(ExitCode.Usage, both.Error);
        both.Error.Should().Contain("--memory").And.Contain("--acpi").And.Contain("--cpu-template");
    }

    [Fact]
    public async Task Runs_until_a_text()
    {
        var run = await RunAsync("hello", "--until", "lines: listening on port 5001", "--json");

        run.ExitCode.Should().Be(ExitCode.Ok, run.Error);
        run.Output.Should().Contain("lines: listening on port 5001");
        Report(run).GetProperty("until").GetString().Should().Be("lines: listening on port 5001");
    }

    [Fact]
    public async Task Names_an_instruction_that_the_software_CPU_does_not_have()
    {
        var run = await CommandRun.OfAsync("run", Guest.Write(_directory, "ud"), "--accelerator", "software", "--cmdline", "ud.sha1").WaitAsync(Patience);

        run.ExitCode.Should().Be(ExitCode.Ok, run.Error);
        run.Output.Should().MatchRegex("EXCEPTION vector 6 error 0x0 rip 0x[0-9a-f]+ ");
        string rip = run.Output.Split("rip 0x")[1].Split(' ')[0].TrimStart('0');
        run.Error.Should().Contain($"unimplemented instruction at 0x{rip}: sha1nexte xmm0,xmm1 (0f38c8c1)");
    }

    [Theory]
    [InlineData("panic", "panic", "VFS: Unable to mount root fs")]
    [InlineData("triple-fault", "tripleFault", "double fault")]
    [InlineData("bad-heartbeat", "panic", "Attempted to kill init")]
    public async Task A_bad_end_is_no_success(string guest, string reason, string detail)
    {
        var run = await RunAsync(guest, "--json");

        run.ExitCode.Should().Be(ExitCode.EnclaveFailed);
        Report(run).GetProperty("exitReason").GetString().Should().Be(reason);
        Report(run).GetProperty("exitDetail").GetString().Should().Contain(detail);
        Report(run).GetProperty("outcome").GetString().Should().Be("failed");
        run.Error.Should().Contain(detail);
    }

    [Fact]
    public async Task A_wrong_heartbeat_is_none()
    {
        var run = await RunAsync("bad-heartbeat", "--until", "heartbeat", "--json");

        run.ExitCode.Should().Be(ExitCode.EnclaveFailed);
        run.Error.Should().Contain("the heartbeat was 0x42, not 0xb7").And.Contain("the enclave ended before the heartbeat");
        Report(run).GetProperty("timings").GetProperty("heartbeat").ValueKind.Should().Be(JsonValueKind.Null);
    }

    [Fact]
    public async Task What_does_not_come_times_out()
    {
        // On a slow machine half a second may be over before the guest has begun.
        CommandRun run;
        double timeout = 0.5;
        while (!(run = await RunAsync("spin", "--until", "never printed", "--timeout", $"{timeout}", "--json")).Output.Contains("spinning") && timeout < 60)
            timeout *= 4;

        run.ExitCode.Should().Be(ExitCode.TimedOut);
        run.Error.Should().Contain($"timed out: waited {timeout} s for \"never printed\" on the console").And.Contain("RIP", "where it spins helps");
        run.Output.Should().Contain("spin: interrupts off, spinning");
        Report(run).GetProperty("outcome").GetString().Should().Be("timedOut");
    }

    [Fact]
    public async Task An_interruption_stops_it()
    {
        using var interrupt = new CancellationTokenSource();
        string image = Guest.Write(_directory, "spin");
        Task<CommandRun> running = CommandRun.OfAsync(["run", image, "--accelerator", Guest.Accelerator, "--json"], interrupt.Token);
        await interrupt.CancelAsync();
        var run = await running.WaitAsync(Patience);
        run.ExitCode.Should().Be(ExitCode.Interrupted);
        run.Error.Should().Contain("interrupted");
    }

    [Fact]
    public async Task The_machine_is_as_asked_for()
    {
        byte[] initrd = "more of it"u8.ToArray();
        var run = await RunAsync("hello", "--memory", "16", "--cpus", "2", "--cid", "4321", "--cmdline", "hello.initrd_hash mine=1",
            "--initrd", _directory.Write("initrd", initrd), "--until", "heartbeat", "--json");

        run.ExitCode.Should().Be(ExitCode.Ok, run.Error);
        uint hash = new byte[1024].Concat(initrd).Aggregate(0x811C9DC5u, (sum, b) => unchecked((sum ^ b) * 0x01000193u));
        run.Output.Should().Contain("-0x0000000000ffffff usable").And.Contain("vsock: cid 4321").And.MatchRegex("command line: console=ttyS0 hello.initrd_hash mine=1 ")
            .And.Contain($"initrd: fnv1a 0x{hash:x8}");
        run.Error.Should().Contain("16 MiB, 2 vCPUs, CID 4321");
        Report(run).GetProperty("cpus").GetInt32().Should().Be(2);
        Report(run).GetProperty("memoryBytes").GetInt64().Should().Be(16 << 20);
    }

    [Fact]
    public async Task Forwarded_ports_reach_a_server()
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        int port = ((IPEndPoint)server.LocalEndpoint).Port;
        Task<CommandRun> running = RunAsync("hello", "--forward", $"9001:127.0.0.1:{port}", "--cmdline", "hello.exit_after_ready");
        using TcpClient client = await server.AcceptTcpClientAsync().WaitAsync(Patience);
        using var reader = new StreamReader(client.GetStream());
        (await reader.ReadToEndAsync().WaitAsync(Patience)).Should().Be("ready\n");
        client.Close();

        var run = await running.WaitAsync(Patience);

        run.ExitCode.Should().Be(ExitCode.Ok, run.Error);
        run.Output.Should().Contain("ready: told parent on port 9001");
    }

    [Fact]
    public async Task A_forward_to_nobody_is_refused_and_said()
    {
        // Bound, so that nobody else gets the port, and not listening.
        using var nobody = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        nobody.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        int port = ((IPEndPoint)nobody.LocalEndPoint!).Port;

        var run = await RunAsync("hello", "--forward", $"9001:127.0.0.1:{port}", "--cmdline", "hello.exit_after_ready");

        run.ExitCode.Should().Be(ExitCode.Ok, run.Error);
        run.Output.Should().Contain("parent: port 9001 refused");
        run.Error.Should().Contain($"enclave: forward 9001:127.0.0.1:{port}: ");
    }

    [Theory]
    [InlineData("--until", "")]
    [InlineData("--timeout", "0")]
    [InlineData("--timeout", "-1")]
    [InlineData("--timeout", "soon")]
    [InlineData("--memory", "0")]
    [InlineData("--memory", "99999999999")]
    [InlineData("--cpus", "0")]
    [InlineData("--cpus", "33")]
    [InlineData("--cid", "3")]
    [InlineData("--cid", "4294967295")]
    [InlineData("--accelerator", "tcg")]
    [InlineData("--cpu-template", "haswell")]
    [InlineData("--forward", "8000")]
    [InlineData("--forward", "8000:host")]
    [InlineData("--forward", "8000:host:0")]
    [InlineData("--forward", "8000:host:65536")]
    [InlineData("--forward", "0:host:1")]
    [InlineData("--forward", "8000::1")]
    [InlineData("--forward", "8000:::1:80")]
    [InlineData("--forward", "9000:host:1")]
    [InlineData("--forward", "8000:a:1 8000:b:2")]
    public async Task Impossible_options_are_wrong_usage(string option, string value)
    {
        string[] values = value.Length == 0 ? [option, ""] : [.. value.Split(' ').SelectMany(one => new[] { option, one })];
        var run = await CommandRun.OfAsync(["run", "a.eif", .. values]);

        run.ExitCode.Should().Be(ExitCode.Usage, run.Error);
        run.Error.Should().StartWith("enclave: ").And.Contain(option).And.Contain("--help");
        run.Output.Should().BeEmpty();
    }

    [Fact]
    public async Task Images_that_cannot_be_booted_are_bad_images()
    {
        var text = await CommandRun.OfAsync("run", _directory.Write("text", "no image at all"), "--accelerator", Guest.Accelerator);
        var kernel = await CommandRun.OfAsync("run", _directory.Write("kernel.eif", new EifBuilder().WithKernel(new byte[5000]).AddRamdisk(new byte[1]).Build()), "--accelerator", Guest.Accelerator);
        var large = await CommandRun.OfAsync("run", _directory.Write("large.eif", Guest.Image("hello").AddRamdisk(new byte[3 << 20]).Build()), "--memory", "3", "--accelerator", Guest.Accelerator);

        foreach (var run in new[] { text, kernel, large })
        {
            run.ExitCode.Should().Be(ExitCode.BadImage, run.Error);
            run.Error.TrimEnd().Should().StartWith("enclave: ").And.NotContain("\n", "one line says it").And.NotContain("   at ");
        }
    }

    [Fact]
    public async Task What_the_machine_does_not_have_is_the_environments_fault()
    {
        string image = Guest.Write(_directory, "hello");
        foreach (string[] args in new string[][] { [_directory["missing.eif"]], [image, "--initrd", _directory["missing"]], [image, "--memory", "4194304"] })
        {
            var run = await CommandRun.OfAsync(["run", .. args, "--accelerator", Guest.Accelerator]);
            run.ExitCode.Should().Be(ExitCode.Environment, run.Error);
            run.Error.TrimEnd().Should().StartWith("enclave: ").And.NotContain("\n");
        }
    }

    private static JsonElement Report(CommandRun run) => JsonDocument.Parse(run.Output.TrimEnd('\n').Split('\n')[^1]).RootElement;

    private Task<CommandRun> RunAsync(string guest, params string[] args) =>
        CommandRun.OfAsync(["run", Guest.Write(_directory, guest), "--accelerator", Guest.Accelerator, .. args]).WaitAsync(Patience);
}
