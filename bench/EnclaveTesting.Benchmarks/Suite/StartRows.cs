using System.Diagnostics;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Benchmarks.Suite;

/// <summary>From nothing, or from a booted enclave, to one that answers.</summary>
internal static class StartRows
{
    private const string Area = "start";
    private const string HelloLine = "hello: enclave guest starting";

    public static async Task RunAsync(SuiteContext context, List<Row> rows)
    {
        string cache = Path.Combine(context.Directory, "cache");
        double? tcg = Qemu.Version is null ? null : await MedianWallAsync(context.Runs(5, 2), () => Qemu.BootAsync(context.Kit, SoftwareBoot.Mark));
        await MeasureAsync(context, rows, "Linux, software CPU", context.Kit.Path, Accelerator.Software, LinuxImages.MemoryMiB, "QEMU TCG, to init's start", tcg);
        const string restored = "Linux, software CPU, saved when ready, restored";
        (double fromMemory, double fromFile) = await RestoreAsync(context.Builder(context.Kit.Path, Accelerator.Software, LinuxImages.MemoryMiB).WithSnapshot(Wait.ForParentPort(9001)), cache, context.Runs(20, 9));
        rows.Add(new Row(Area, $"{restored} from memory, to the first reply", "ms", Better.Less, fromMemory, "QEMU TCG, to init's start", tcg));
        rows.Add(new Row(Area, $"{restored} from the cache's file, to the first reply", "ms", Better.Less, fromFile, "QEMU TCG, to init's start", tcg));
        double afterHeartbeat = (await RestoreAsync(context.Builder(context.Kit.Path, Accelerator.Software, LinuxImages.MemoryMiB).WithSnapshot(After.Heartbeat), cache, context.Runs(20, 9))).File;
        rows.Add(new Row(Area, "Linux, software CPU, saved after its heartbeat, restored from the cache's file, to the first reply", "ms", Better.Less, afterHeartbeat, "QEMU TCG, to init's start", tcg));
        if (context.HasKvm)
        {
            double? kvm = Qemu.Version is null ? null : await MedianWallAsync(context.Runs(7, 3), () => Qemu.BootBareMetalAsync(HelloImage.Kernel(), HelloLine));
            await MeasureAsync(context, rows, "bare-metal guest, KVM", context.Hello, Accelerator.Kvm, 8, "QEMU KVM, to its first line", kvm);
            CloneTimings timings = await CloneTimings.MeasureAsync(CloneTimings.Hello(256), Accelerator.Kvm, context.Runs(60, 25), alive: 1);
            rows.Add(new Row(Area, "bare-metal guest, KVM, machine restored from memory, to its start", "ms", Better.Less, timings.RestoredToStartMs.Median, "the hypervisor's calls alone", timings.IoctlsToStartMs.Median));
            rows.Add(new Row(Area, "bare-metal guest, KVM, machine restored from memory, to the first reply", "ms", Better.Less, timings.RestoredToReplyMs.Median, "these calls, to the guest's first exit", timings.IoctlsToExitMs.Median));
            rows.Add(new Row(Area, "bare-metal guest, KVM, machine restored from memory, to the first reply (again)", "ms", Better.Less, timings.RestoredToReplyMs.Median, "these calls and what the guest executes until it has replied", timings.IoctlsToReplyMs.Median));
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

    /// <summary>From a saved boot, kept in memory or read from the cache's file, to a reply.</summary>
    private static async Task<(double Memory, double File)> RestoreAsync(EnclaveBuilder builder, string cache, int runs)
    {
        SnapshotStore Store() => new(() => new SnapshotCache(cache));
        SnapshotStore kept = Store();
        await using (Enclave first = builder.WithSnapshotStore(kept).Build())
            await first.StartAsync();
        Sample memory = new(), file = new();
        for (int i = -2; i < runs; i++)
        {
            foreach ((SnapshotStore store, Sample sample) in ((SnapshotStore, Sample)[])[(kept, memory), (Store(), file)])
            {
                long start = Stopwatch.GetTimestamp();
                await using Enclave enclave = builder.WithSnapshotStore(store).Build();
                await enclave.StartAsync();
                await enclave.Client<string, string>(5001, Codec.Lines).SendAsync("ping");
                if (i >= 0)
                    sample.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                if (!enclave.WasRestored)
                    throw new InvalidOperationException("The enclave has booted instead of being restored.");
            }
        }

        return (memory.Median, file.Median);
    }

    private static async Task<double> MedianWallAsync(int runs, Func<Task<BootTime>> boot)
    {
        var sample = new Sample();
        for (int i = 0; i < runs; i++)
            sample.Add((await boot()).Wall);
        return sample.Median;
    }
}
