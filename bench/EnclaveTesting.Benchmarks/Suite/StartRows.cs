using System.Diagnostics;
using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Benchmarks.Suite;

/// <summary>From nothing, or from a booted enclave, to one that answers.</summary>
internal static class StartRows
{
    private const string Area = "start";
    private const string HelloLine = "hello: enclave guest starting";

    public static async Task RunAsync(SuiteContext context, List<Row> rows)
    {
        double? tcg = Qemu.Version is null ? null : await MedianWallAsync(context.Runs(5, 2), () => Qemu.BootAsync(context.Kit, SoftwareBoot.Mark));
        await MeasureAsync(context, rows, "Linux, software CPU", context.Kit.Path, Accelerator.Software, LinuxImages.MemoryMiB, "QEMU TCG, to init's start", tcg);
        if (context.HasKvm)
        {
            double? kvm = Qemu.Version is null ? null : await MedianWallAsync(context.Runs(7, 3), () => Qemu.BootBareMetalAsync(HelloImage.Kernel(), HelloLine));
            await MeasureAsync(context, rows, "bare-metal guest, KVM", context.Hello, Accelerator.Kvm, 8, "QEMU KVM, to its first line", kvm);
        }

        await MeasureAsync(context, rows, "bare-metal guest, software CPU", context.Hello, Accelerator.Software, 8, peer: null, peerTime: null);
        foreach (long memory in context.Quick ? (long[])[64, 1024] : [64, 256, 1024, 4096])
        {
            await using Enclave original = context.Builder(context.Hello, Accelerator.Software, memory).Build();
            await original.StartAsync();
            rows.Add(new Row("clone", $"clone of {memory} MiB, to its first reply", "ms", Better.Less, await CloneAsync(original, context.Runs(20, 5))));
        }
    }

    private static async Task MeasureAsync(SuiteContext context, List<Row> rows, string what, string image, Accelerator accelerator, long memory, string? peer, double? peerTime)
    {
        EnclaveBuilder builder = context.Builder(image, accelerator, memory).WaitFor(Wait.ForHeartbeat());
        rows.Add(new Row(Area, $"{what}, to the heartbeat: first start", "ms", Better.Less, await StartAsync(builder), peer, peerTime));
        double later = await SuiteContext.MedianAsync(context.Runs(7, 3), async () =>
        {
            await using Enclave enclave = builder.Build();
            await enclave.StartAsync();
        });
        rows.Add(new Row(Area, $"{what}, to the heartbeat and its end: later starts", "ms", Better.Less, later, peer, peerTime));
        await using Enclave original = context.Builder(image, accelerator, memory).Build();
        await original.StartAsync();
        rows.Add(new Row(Area, $"{what}, cloned, to the first reply", "ms", Better.Less, await CloneAsync(original, context.Runs(20, 7)), peer, peerTime));
    }

    private static async Task<double> StartAsync(EnclaveBuilder builder)
    {
        await using Enclave enclave = builder.Build();
        long start = Stopwatch.GetTimestamp();
        await enclave.StartAsync();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static async Task<double> CloneAsync(Enclave original, int runs)
    {
        var sample = new Sample();
        for (int i = -2; i < runs; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await using Enclave clone = await original.CloneAsync();
            await clone.Client<string, string>(5001, Codec.Lines).SendAsync("ping");
            if (i >= 0)
                sample.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return sample.Median;
    }

    private static async Task<double> MedianWallAsync(int runs, Func<Task<BootTime>> boot)
    {
        var sample = new Sample();
        for (int i = 0; i < runs; i++)
            sample.Add((await boot()).Wall);
        return sample.Median;
    }
}
