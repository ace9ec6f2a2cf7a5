using System.Diagnostics;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Benchmarks;

/// <summary>Boots on the software CPU, inside this process.</summary>
internal static class SoftwareBoot
{
    /// <summary>What the kernel prints before it starts the first process.</summary>
    public const string Mark = "Run /init as init process";

    /// <summary>Boots an image from its file until its console prints a text.</summary>
    /// <param name="image">The image.</param>
    /// <param name="until">The text.</param>
    /// <param name="line">Called for each line.</param>
    /// <param name="change">Changes the options.</param>
    /// <returns>From opening the file.</returns>
    public static async Task<BootTime> RunAsync(LinuxImage image, string until, Action<string>? line = null, Func<MicroVmOptions, MicroVmOptions>? change = null)
    {
        var seen = new TaskCompletionSource<BootTime>(TaskCreationOptions.RunContinuationsAsynchronously);
        using Process self = Process.GetCurrentProcess();
        double cpu = self.TotalProcessorTime.TotalMilliseconds;
        long start = Stopwatch.GetTimestamp();
        var console = new LineConsole(text =>
        {
            line?.Invoke(text);
            if (!text.Contains(until, StringComparison.Ordinal))
                return;
            double wall = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            self.Refresh();
            seen.TrySetResult(new BootTime(wall, self.TotalProcessorTime.TotalMilliseconds - cpu));
        });
        var options = new MicroVmOptions { Accelerator = Accelerator.Software, Console = console, Acpi = image.Acpi };
        using EifImage eif = EifImage.Open(image.Path);
        await using MicroVm machine = MicroVm.Create(eif, change?.Invoke(options) ?? options);
        machine.Start();
        await Task.WhenAny(seen.Task, machine.Exited);
        // A guest that ends right behind the line completes both, in whatever order their continuations run.
        return seen.Task.IsCompleted ? await seen.Task : throw new InvalidOperationException($"The enclave ended before it printed \"{until}\": {(await machine.Exited).Detail}");
    }
}
