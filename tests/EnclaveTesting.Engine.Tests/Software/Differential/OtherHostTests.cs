using System.Diagnostics;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>
/// The software CPU computes the same whatever the host's processor can do: here, as far as one host shows it. <c>tests/other-host.sh</c> asks an
/// emulated Arm host too.
/// </summary>
public sealed class OtherHostTests
{
    private const int Cases = 20_000, Translated = 2_000, Seed = 1;

    [Fact]
    public async Task Without_vector_instructions_on_the_host_all_results_are_the_same()
    {
        // The compiler of .NET then makes no use of what came after SSE2.
        using var process = Process.Start(new ProcessStartInfo("dotnet", ["exec", typeof(Program).Assembly.Location, Program.Digests, $"{Cases}", $"{Translated}", $"{Seed}"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["DOTNET_EnableHWIntrinsic"] = "0" },
        })!;
        Task<string> errors = process.StandardError.ReadToEndAsync(), output = process.StandardOutput.ReadToEndAsync();
        IReadOnlyList<string> here = [.. ResultDigests.Compute(TranslationMode.Off, Cases, Seed), .. ResultDigests.Compute(TranslationMode.Immediate, Translated, Seed)];
        string[] there = (await output).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await process.WaitForExitAsync();

        process.ExitCode.Should().Be(0, await errors);
        there[0].Should().Be(Program.Features(hasAvx: false));
        there.Length.Should().BeGreaterThan(1000);
        there.Skip(1).Except(here).Should().BeEmpty();
        there.Skip(1).Should().HaveCount(here.Count);
    }

    [Fact]
    public void Other_cases_have_other_digests() =>
        ResultDigests.Compute(TranslationMode.Off, 2000, seed: 1).Should().NotEqual(ResultDigests.Compute(TranslationMode.Off, 2000, seed: 2));
}
