using System.Text.Json;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Cli.Tests;

/// <summary>A run in virtual time is the same on another host: here, as far as one host shows it. <c>tests/other-host.sh</c> asks an emulated Arm host too.</summary>
public sealed class OtherHostTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Processor_features_and_number_time_zone_and_language_of_the_host_do_not_show()
    {
        string image = _directory.Write("kit.eif", new EifBuilder()
            .WithKernel(GuestKit.Kernel)
            .WithDefaultMemory(128 << 20)
            .WithDefaultCpus(2)
            .AddRamdisk(NitroRamdisks.CreateBoot(GuestKit.Init).Build())
            .AddRamdisk(NitroRamdisks.CreateApplication(["/enclave-app", "selftest"], [])
                .AddHostFile("rootfs/enclave-app", Path.Combine(AppContext.BaseDirectory, "guests", "enclave-app"), UnixFileMode.UserRead | UnixFileMode.UserExecute)
                .Build())
            .Build());

        Run[] runs = await Task.WhenAll(
            RunAsync(image, "a", []),
            RunAsync(image, "b", new()
            {
                ["DOTNET_EnableHWIntrinsic"] = "0",
                ["DOTNET_PROCESSOR_COUNT"] = "1",
                ["TZ"] = "Asia/Kathmandu",
                ["LANG"] = "ar_SA.UTF-8",
                ["LC_ALL"] = "ar_SA.UTF-8",
            }));

        runs[0].Console.Should().Contain("selftest: 50 passed, 0 failed");
        runs[1].Console.Should().Be(runs[0].Console);
        runs[1].Instructions.Should().Be(runs[0].Instructions);
        runs[1].Recording.Should().Be(runs[0].Recording);
    }

    private async Task<Run> RunAsync(string image, string name, Dictionary<string, string> environment)
    {
        const int attempts = 10;
        string recording = _directory[name + ".recording"];
        for (int attempt = 0; attempt < attempts; attempt++)
        {
            using var tool = ToolProcess.Run("dotnet", environment, [ToolProcess.Path, "run", image, "--record", recording, "--json"]);
            string output = await tool.Output.ReadToEndAsync();
            (await tool.ExitAsync()).Should().Be(ExitCode.Ok, await tool.Error);
            int report = output.LastIndexOf("\n{", StringComparison.Ordinal) + 1;
            using var json = JsonDocument.Parse(output[report..]);
            // On a host so busy that the parent's answer takes a second its speed has a part in the run, which says so.
            if (!json.RootElement.TryGetProperty("hostPace", out _))
                return new Run(output[..report], json.RootElement.GetProperty("instructions").GetInt64(), Convert.ToHexStringLower(await File.ReadAllBytesAsync(recording)));
        }

        throw new InvalidOperationException($"The host's speed had its part in {attempts} runs.");
    }

    private sealed record Run(string Console, long Instructions, string Recording);
}
