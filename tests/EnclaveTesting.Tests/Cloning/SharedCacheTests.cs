using System.Diagnostics;

namespace EnclaveTesting.Tests.Cloning;

/// <summary>Processes side by side that want the same saved boot.</summary>
public sealed class SharedCacheTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("enclave-cache-");
    private readonly List<Process> _processes = [];

    public void Dispose()
    {
        foreach (Process process in _processes)
        {
            if (!process.HasExited)
                process.Kill();
            process.WaitForExit();
            process.Dispose();
        }

        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task One_boots_and_the_others_go_on_from_there()
    {
        Process[] processes = [.. Enumerable.Range(0, 4).Select(_ => Start())];
        foreach (Process process in processes)
            process.StandardInput.Close();

        await OneBootsAsync(processes);
    }

    [Fact]
    public async Task When_the_one_that_boots_is_killed_another_one_boots()
    {
        Process killed = Start();
        (await killed.StandardOutput.ReadLineAsync()).Should().Be(Program.Boots);
        Process[] others = [.. Enumerable.Range(0, 2).Select(_ => Start())];
        foreach (Process process in others)
            process.StandardInput.Close();

        killed.Kill();

        await OneBootsAsync(others);
    }

    private async Task OneBootsAsync(Process[] processes)
    {
        string[] outputs = await Task.WhenAll(processes.Select(process => process.StandardOutput.ReadToEndAsync()));
        outputs.Order().Should().Equal([
            $"{Program.Boots}\n{Program.Booted}\npong\n".ReplaceLineEndings(),
            .. Enumerable.Repeat($"{Program.Restored}\npong\n".ReplaceLineEndings(), processes.Length - 1)]);
        _directory.GetFiles().Should().ContainSingle("locks and unfinished files are gone");
    }

    private Process Start()
    {
        var process = Process.Start(new ProcessStartInfo("dotnet", ["exec", typeof(Program).Assembly.Location, Program.SavedBoot, _directory.FullName])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        _processes.Add(process);
        return process;
    }
}
