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
    /// <param name="program">Which.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="text">The text.</param>
    /// <param name="line">Called for each line, with the milliseconds of processor time until then.</param>
    /// <returns>From its start.</returns>
    public static async Task<BootTime> RunUntilAsync(string program, string[] arguments, string text, Action<string, double>? line = null)
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
                line?.Invoke(next, ProcessorTime());
                if (next.Contains(text, StringComparison.Ordinal))
                    return new BootTime(milliseconds, ProcessorTime());
            }
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }

        double ProcessorTime()
        {
            process.Refresh();
            return process.TotalProcessorTime.TotalMilliseconds;
        }
    }
}
