using System.Collections.ObjectModel;
using System.Diagnostics;

namespace EnclaveTesting.Cli.Tests;

/// <summary>The tool in a process of its own, as a person runs it.</summary>
internal sealed class ToolProcess : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    private readonly Process _process;

    private ToolProcess(Process process)
    {
        _process = process;
        Error = process.StandardError.ReadToEndAsync();
    }

    /// <summary>The built tool.</summary>
    public static string Path => System.IO.Path.Combine(AppContext.BaseDirectory, "enclave.dll");

    public int Id => _process.Id;

    public StreamReader Output => _process.StandardOutput;

    public Task<string> Error { get; }

    public static ToolProcess Start(params string[] args) => Run("dotnet", [Path, .. args]);

    /// <summary>Starts the tool as from a terminal: Ctrl-C is ignored by what a script runs in the background, and so it would be by its children.</summary>
    public static ToolProcess StartInterruptible(params string[] args) =>
        IgnoresInterrupts() ? Run("env", ["--default-signal=INT", "dotnet", Path, .. args]) : Start(args);

    /// <summary>Starts another program, such as a shell that starts the tool.</summary>
    public static ToolProcess Run(string program, params string[] args) => Run(program, ReadOnlyDictionary<string, string>.Empty, args);

    /// <summary>The same with variables of the environment.</summary>
    public static ToolProcess Run(string program, IReadOnlyDictionary<string, string> environment, string[] args)
    {
        var start = new ProcessStartInfo(program, args) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in environment)
            start.Environment[name] = value;
        return new ToolProcess(Process.Start(start)!);
    }

    public async Task SignalAsync(string signal)
    {
        // The shell's own: the program of that name is in a package that a small system does without.
        using var kill = Process.Start("/bin/sh", ["-c", $"kill {signal} {Id}"]);
        await kill.WaitForExitAsync();
        kill.ExitCode.Should().Be(0);
    }

    public async Task<int> ExitAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return _process.ExitCode;
    }

    /// <summary>The rest of the output.</summary>
    public Task<string> ReadToEndAsync() => Output.ReadToEndAsync().WaitAsync(Patience);

    public async Task<string> ReadUntilAsync(string text)
    {
        string all = "";
        while (!all.Contains(text, StringComparison.Ordinal))
            all += await Output.ReadLineAsync().WaitAsync(Patience) is { } line ? line + "\n" : throw new EndOfStreamException($"The output ended without \"{text}\": {all}");
        return all;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private static bool IgnoresInterrupts()
    {
        const string status = "/proc/self/status", ignored = "SigIgn:";
        const ulong interrupt = 1 << 1; // signal 2
        return File.Exists(status)
            && (Convert.ToUInt64(File.ReadLines(status).Single(line => line.StartsWith(ignored, StringComparison.Ordinal))[ignored.Length..].Trim(), 16) & interrupt) != 0;
    }
}
