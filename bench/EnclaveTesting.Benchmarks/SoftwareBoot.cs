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
    /// <param name="line">Called for each line, with the milliseconds of processor time until then.</param>
    /// <param name="change">Changes the options.</param>
    /// <returns>From opening the file.</returns>
    public static async Task<BootTime> RunAsync(LinuxImage image, string until, Action<string, double>? line = null, Func<MicroVmOptions, MicroVmOptions>? change = null)
    {
        var seen = new TaskCompletionSource<BootTime>(TaskCreationOptions.RunContinuationsAsynchronously);
        double cpu = Environment.CpuUsage.TotalTime.TotalMilliseconds;
        long start = Stopwatch.GetTimestamp();
        var console = new LineConsole(text =>
        {
            line?.Invoke(text, Environment.CpuUsage.TotalTime.TotalMilliseconds - cpu);
            if (!text.Contains(until, StringComparison.Ordinal))
                return;
            double wall = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            seen.TrySetResult(new BootTime(wall, Environment.CpuUsage.TotalTime.TotalMilliseconds - cpu));
        });
        var options = new MicroVmOptions { Accelerator = Accelerator.Software, Console = console, Acpi = image.Acpi };
        AcceleratorChoice.Prepare(options.Accelerator); // as Enclave does
        using EifImage eif = EifImage.Open(image.Path);
        await using MicroVm machine = MicroVm.Create(eif, change?.Invoke(options) ?? options);
        machine.Start();
        await Task.WhenAny(seen.Task, machine.Exited);
        // A guest that ends right behind the line completes both, in whatever order their continuations run.
        return seen.Task.IsCompleted ? await seen.Task : throw new InvalidOperationException($"The enclave ended before it printed \"{until}\": {(await machine.Exited).Detail}");
    }
}
