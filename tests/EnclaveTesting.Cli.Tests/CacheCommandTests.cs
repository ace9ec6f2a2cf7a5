using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Cli.Tests;

/// <summary><c>enclave cache</c>, as a person runs it.</summary>
public sealed class CacheCommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [UnixFact]
    public async Task Shows_what_is_saved_and_deletes_it()
    {
        string path = _directory["cache"];
        (await RunAsync(path, "list")).Should().Be($"0 saved, 0.0 MiB in {path}\n");
        (await RunAsync(path, "path")).Should().Be($"{path}\n");
        using EifImage image = EifImage.Load(Guest.Image("hello").Build());
        await using MicroVm machine = MicroVm.Create(image, new MicroVmOptions { Accelerator = Accelerator.Software });
        // Which it waits for; without it the guest ends.
        using VsockListener heartbeat = machine.Vsock.Listen(9000, new VsockListenOptions { DeferAccept = true });
        machine.Start();
        using (MachineSnapshot snapshot = await machine.CaptureAsync())
            new SnapshotCache(path).Save("0123456789abcdef0123456789abcdef", snapshot);
        await File.WriteAllTextAsync(Path.Combine(path, "broken.machine"), "no machine");
        await File.WriteAllTextAsync(Path.Combine(path, "mine.txt"), "not the cache's");

        string list = await RunAsync(path, "list");
        list.Should().Contain("0123456789abcdef0123456789abcdef  ").And.Contain("MiB  Software, 8 MiB, 1 vCPUs, <memory>\n")
            .And.Contain("of no use: expected 72 bytes, found 10: the file is cut short\n").And.Contain("2 saved, ");
        (await RunAsync(path, "clear")).Should().Contain($"MiB deleted from {path}");

        Directory.GetFiles(path).Should().Equal(Path.Combine(path, "mine.txt"));
    }

    [UnixFact]
    public async Task Says_that_it_is_switched_off() => (await RunAsync("off", "list", "the cache is switched off (ENCLAVE_CACHE=off)")).Should().BeEmpty();

    private static async Task<string> RunAsync(string cache, string command, string? error = null)
    {
        using ToolProcess tool = ToolProcess.Run("env", $"ENCLAVE_CACHE={cache}", "dotnet", ToolProcess.Path, "cache", command);
        string output = await tool.ReadToEndAsync();
        (await tool.ExitAsync()).Should().Be(ExitCode.Ok);
        (await tool.Error).Should().Be(error is null ? "" : $"enclave: {error}\n");
        return output;
    }
}
