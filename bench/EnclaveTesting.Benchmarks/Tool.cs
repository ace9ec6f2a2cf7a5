using System.Diagnostics;

namespace EnclaveTesting.Benchmarks;

/// <summary>Programs of others.</summary>
internal static class Tool
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>The first line that a program prints; null where there is no such program.</summary>
    public static string? FirstLine(string program, params string[] arguments)
    {
        try
        {
            using Process process = Start(program, arguments);
            string? line = process.StandardOutput.ReadLine();
            process.Kill();
            process.WaitForExit();
            return line;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Starts a program with its streams redirected.</summary>
    public static Process Start(string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true })!;

    /// <summary>Runs a program until it prints a text on its standard output, and ends it there.</summary>
    /// <returns>From its start.</returns>
    public static async Task<BootTime> RunUntilAsync(string program, string[] arguments, string text, Action<string>? line = null)
    {
        long start = Stopwatch.GetTimestamp();
        using Process process = Start(program, arguments);
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            while (true)
            {
                string next = await process.StandardOutput.ReadLineAsync(patience.Token)
                    ?? throw new InvalidOperationException($"{program} ended before it printed \"{text}\": {await process.StandardError.ReadToEndAsync()}");
                double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                line?.Invoke(next);
                if (next.Contains(text, StringComparison.Ordinal))
                {
                    process.Refresh();
                    return new BootTime(milliseconds, process.TotalProcessorTime.TotalMilliseconds);
                }
            }
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }
    }
}
