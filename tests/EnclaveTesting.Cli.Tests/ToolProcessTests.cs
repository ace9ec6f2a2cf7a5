using System.Text.Json;
using EnclaveTesting.Engine.Accelerators.Kvm;
using EnclaveTesting.Tests.Shared;

namespace EnclaveTesting.Cli.Tests;

/// <summary>What needs a real process: signals, closed pipes, another user.</summary>
public sealed class ToolProcessTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [UnixFact]
    public async Task Standard_error_that_takes_nothing_is_no_reason_to_crash()
    {
        string image = Guest.Write(_directory, "hello");
        using var shell = ToolProcess.Run("bash", "-c", $"dotnet '{ToolProcess.Path}' run '{image}' --accelerator {Guest.Accelerator} --until heartbeat 2>/dev/full");

        (await shell.Output.ReadToEndAsync()).Should().Contain("hello: enclave guest starting");
        (await shell.ExitAsync()).Should().Be(ExitCode.Ok);
    }

    [UnixFact]
    public async Task Ctrl_C_stops_the_enclave_and_leaves_a_report()
    {
        using var tool = ToolProcess.StartInterruptible("run", Guest.Write(_directory, "hello"), "--accelerator", Guest.Accelerator, "--json");
        await tool.ReadUntilAsync("parent: port 9001 refused");
        await tool.SignalAsync("-INT");
        string rest = await tool.ReadToEndAsync();

        (await tool.ExitAsync()).Should().Be(ExitCode.Interrupted);
        using var report = JsonDocument.Parse(rest.TrimEnd('\n').Split('\n')[^1]);
        report.RootElement.GetProperty("outcome").GetString().Should().Be("interrupted");
        (await tool.Error).Should().Contain("enclave: interrupted").And.Contain("Stopped: The host stopped the machine.").And.NotContain("   at ");
    }

    [UnixFact]
    public async Task Ctrl_C_stops_it_though_nobody_reads()
    {
        // The console of a guest that never stops printing, into a pipe that nobody empties.
        using var tool = ToolProcess.StartInterruptible("run", Guest.Write(_directory, "mmio-fuzz"), "--accelerator", Guest.Accelerator, "--cmdline", "iterations=1000000000", "--json");
        await tool.ReadUntilAsync("fuzz: seed");
        await tool.SignalAsync("-INT");
        (await tool.ExitAsync()).Should().Be(ExitCode.Interrupted);
    }

    [UnixFact]
    public async Task A_reader_that_goes_away_ends_it_quietly()
    {
        // One that prints on and on: however late the reader goes away, there is still something to write.
        string image = Guest.Write(_directory, "mmio-fuzz");
        using var shell = ToolProcess.Run("bash", "-c", $"dotnet '{ToolProcess.Path}' run '{image}' --accelerator {Guest.Accelerator} --cmdline iterations=1000000000 --json | head -n 1; echo \"${{PIPESTATUS[0]}}\"");
        string output = await shell.ReadToEndAsync();

        await shell.ExitAsync();
        output.Should().Be($"mmio-fuzz: enclave guest starting\r\n{ExitCode.OutputClosed}\n");
        (await shell.Error).Should().MatchRegex(@"\A(enclave: (kvm|software) because .*\n)?(enclave: heartbeat after .*\n)?\z");
    }

    [UnixFact]
    public async Task A_file_gets_everything_where_it_stands()
    {
        string image = Guest.Write(_directory, "hello"), file = _directory["out"];
        using var shell = ToolProcess.Run("bash", "-c", $"(echo before; dotnet '{ToolProcess.Path}' run '{image}' --accelerator {Guest.Accelerator} --until heartbeat --json; echo after) > '{file}'");
        await shell.ExitAsync();
        string[] lines = await File.ReadAllLinesAsync(file);
        lines[0].Should().Be("before");
        lines[1].Should().Be("hello: enclave guest starting");
        lines[^2].Should().StartWith("{\"image\":");
        lines[^1].Should().Be("after");
    }

    [FullDeviceFact]
    public async Task A_full_disk_is_said_in_one_line()
    {
        string image = Guest.Write(_directory, "hello");
        using var console = ToolProcess.Run("bash", "-c", $"dotnet '{ToolProcess.Path}' run '{image}' --accelerator {Guest.Accelerator} --until heartbeat > {FullDevice.Path}");
        using var recording = ToolProcess.Start("run", image, "--record", FullDevice.Path, "--until", "heartbeat");

        (await console.ExitAsync()).Should().Be(ExitCode.Environment);
        (await recording.ExitAsync()).Should().Be(ExitCode.Environment);
        (await console.Error).Should().Contain("enclave: standard output cannot be written: No space left on device\n").And.NotContain("   at ");
        (await recording.Error).Should().Be($"enclave: No space left on device : '{FullDevice.Path}'\n");
    }

    [UnprivilegedFact]
    [System.Runtime.Versioning.SupportedOSPlatform("linux")]
    public async Task Without_permission_it_says_how_to_get_it()
    {
        string image = Guest.Write(_directory, "hello");
        foreach (string path in new[] { _directory[""], image })
            File.SetUnixFileMode(path, File.GetUnixFileMode(path) | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);

        using var run = ToolProcess.Run("setpriv", [.. UnprivilegedFactAttribute.Prefix, "dotnet", ToolProcess.Path, "run", image, "--accelerator", "kvm"]);
        using var doctor = ToolProcess.Run("setpriv", [.. UnprivilegedFactAttribute.Prefix, "dotnet", ToolProcess.Path, "doctor"]);

        (await run.ExitAsync()).Should().Be(ExitCode.Environment);
        (await run.Error).Should().StartWith("enclave: open(\"/dev/kvm\") failed: Permission denied (errno 13). ")
            .And.Match(error => error == $"enclave: open(\"/dev/kvm\") failed: Permission denied (errno 13). {KvmPermission.HowToGet("/dev/kvm")}\n");
        (await doctor.ExitAsync()).Should().BeOneOf(ExitCode.Ok, ExitCode.Environment);
        (await doctor.ReadToEndAsync()).Should().MatchRegex("warning +KVM +nobody may not open /dev/kvm, which belongs to ").And.MatchRegex("(sudo usermod -aG [a-z]+ nobody|--group-add)");
    }
}
