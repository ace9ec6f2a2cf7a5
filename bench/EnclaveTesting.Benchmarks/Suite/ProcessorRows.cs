using System.Diagnostics;
using System.Globalization;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Benchmarks.Suite;

/// <summary>How fast guests run, and how often they can leave.</summary>
internal static class ProcessorRows
{
    public static async Task RunAsync(SuiteContext context, List<Row> rows)
    {
        int divisor = context.Runs(1, 8);
        IReadOnlyDictionary<string, double> counts = await Mips.CountAsync(context.MipsImage, divisor);
        IReadOnlyDictionary<string, double> ours = await Mips.TimeAsync(line => SoftwareBoot.RunAsync(context.MipsImage, Mips.End, line, Mips.Divide(divisor)));
        IReadOnlyDictionary<string, double>? theirs = Qemu.Version is null
            ? null
            : await Mips.TimeAsync(line => Qemu.BootAsync(context.MipsImage, Mips.End, line, Mips.Argument(divisor)));
        foreach ((string kind, double count) in counts)
        {
            // A guest under QEMU that changes its clock meanwhile may count no time at all.
            double? peer = theirs?.GetValueOrDefault(kind) is { } time and > 0 ? count * 1000 / time : null;
            rows.Add(new Row("processor", $"software CPU: {kind}", "MIPS", Better.More, count * 1000 / ours[kind], "QEMU TCG", peer));
        }

        foreach (Accelerator accelerator in context.HasKvm ? (Accelerator[])[Accelerator.Kvm, Accelerator.Software] : [Accelerator.Software])
            rows.Add(new Row("exits", $"{accelerator}: random device accesses", "1/s", Better.More, await ExitsAsync(accelerator, context.Runs(200_000, 20_000))));
    }

    private static async Task<double> ExitsAsync(Accelerator accelerator, int iterations)
    {
        var times = new TaskCompletionSource<double>(TaskCreationOptions.RunContinuationsAsynchronously);
        long start = 0;
        var console = new LineConsole(line =>
        {
            if (line.StartsWith("fuzz: seed", StringComparison.Ordinal))
                start = Stopwatch.GetTimestamp();
            else if (line.StartsWith("fuzz: done", StringComparison.Ordinal))
                times.TrySetResult(Stopwatch.GetElapsedTime(start).TotalSeconds);
        });
        using EifImage image = EifImage.Load(HelloImage.Build("mmio-fuzz"));
        await using MicroVm machine = MicroVm.Create(image, new MicroVmOptions
        {
            Accelerator = accelerator,
            Console = console,
            ExtraCommandLine = string.Create(CultureInfo.InvariantCulture, $"iterations={iterations}"),
        });
        machine.Start();
        await Task.WhenAny(times.Task, machine.Exited);
        return times.Task.IsCompletedSuccessfully ? iterations / await times.Task : throw new InvalidOperationException((await machine.Exited).Detail);
    }
}
