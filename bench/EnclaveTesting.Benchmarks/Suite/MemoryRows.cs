using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Benchmarks.Suite;

/// <summary>What many enclaves take of the host's memory.</summary>
internal static class MemoryRows
{
    public static async Task RunAsync(SuiteContext context, List<Row> rows)
    {
        await using Enclave original = context.Builder(context.Kit.Path, Accelerator.Software, LinuxImages.MemoryMiB).Build();
        double before = Resident();
        await original.StartAsync();
        rows.Add(new Row("memory", $"an enclave of {LinuxImages.MemoryMiB} MiB with Linux, software CPU", "MiB", Better.Less, Resident() - before));
        // The first clone makes what all others share.
        await (await original.CloneAsync()).DisposeAsync();
        foreach (int count in new[] { 1, 8, 32 })
        {
            var clones = new List<Enclave>();
            before = Resident();
            try
            {
                for (int i = 0; i < count; i++)
                {
                    Enclave clone = await original.CloneAsync();
                    clones.Add(clone);
                    await clone.Client<string, string>(5001, Codec.Lines).SendAsync("ping");
                }

                rows.Add(new Row("memory", $"each of {count} clones of it that have answered", "MiB", Better.Less, (Resident() - before) / count));
            }
            finally
            {
                foreach (Enclave clone in clones)
                    await clone.DisposeAsync();
            }
        }
    }

    private static double Resident()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        return Environment.WorkingSet / 1048576.0;
    }
}
