using System.Globalization;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Tests.Lifecycle;
using Xunit.Abstractions;

namespace EnclaveTesting.Tests.Cloning;

/// <summary>What clones hold of the host. Run when no other test does, so that all that is counted is theirs.</summary>
[CollectionDefinition("alone", DisableParallelization = true)]
[Collection("alone")]
public class CloneResourceTests(ITestOutputHelper output)
{
    private const long MiB = 1 << 20;

    [Fact]
    public async Task Fifty_clones_of_one_enclave_share_its_memory()
    {
        await using Enclave original = await LinuxEnclave.StartAsync(builder => builder.WithAccelerator(Accelerator.Software).WithMemory(256));
        (long own, long all) = ResidentBytes();
        List<Enclave> clones = [];
        try
        {
            for (int i = 0; i < 50; i++)
                clones.Add(await original.CloneAsync());
            foreach (Enclave clone in clones)
                (await clone.CommandAsync("ping")).Should().Be("pong");

            (long ownNow, long allNow) = ResidentBytes();
            // Copies of what Linux has used after its boot alone would be 1,500 MiB.
            (ownNow - own).Should().BeLessThan(1000 * MiB);
            (allNow - all).Should().BeLessThan(2000 * MiB);
        }
        finally
        {
            await Task.WhenAll(clones.Select(clone => clone.DisposeAsync().AsTask()));
        }
    }

    [Fact]
    public Task Cloning_and_disposing_leaves_nothing_behind() => SoakAsync(Accelerator.Software);

    [OnKvmFact]
    public Task Cloning_and_disposing_leaves_nothing_behind_on_kvm() => SoakAsync(Accelerator.Kvm);

    private async Task SoakAsync(Accelerator accelerator)
    {
        int cycles = int.TryParse(Environment.GetEnvironmentVariable("ENCLAVE_TEST_CLONES"), CultureInfo.InvariantCulture, out int wanted) ? wanted : 30;
        await using Enclave original = await Guest.StartHelloAsync(builder => builder.WithAccelerator(accelerator));
        async Task CycleAsync(int count)
        {
            for (int i = 0; i < count; i++)
            {
                await using Enclave clone = await original.CloneAsync();
                (await clone.CommandAsync($"echo {i}")).Should().Be($"{i}");
            }
        }

        // Heaps grow to their size first.
        await CycleAsync(60);
        Held before = Held.Now();
        await CycleAsync(cycles);
        Held after = await Held.WhenAsync(held => held.EnclaveThreads <= before.EnclaveThreads && held.Files <= before.Files + 2);

        output.WriteLine($"before {before}\nafter  {after}");
        after.Files.Should().BeLessThanOrEqualTo(before.Files + 2, "the runtime may have opened one of its own");
        after.EnclaveThreads.Should().BeLessThanOrEqualTo(before.EnclaveThreads);
        after.Managed.Should().BeLessThan(before.Managed + (8 * MiB));
        after.Own.Should().BeLessThan(before.Own + (96 * MiB));
    }

    /// <summary>Memory that only this process has, and all that it sees; 0 where the host does not tell.</summary>
    private static (long Own, long All) ResidentBytes()
    {
        if (!OperatingSystem.IsLinux())
            return default;
        string[] status = File.ReadAllLines("/proc/self/status");
        long Value(string name) => long.Parse(Array.Find(status, line => line.StartsWith(name, StringComparison.Ordinal))!.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
        return (Value("RssAnon:"), Value("VmRSS:"));
    }

    private sealed record Held(int Files, int EnclaveThreads, long Managed, long Own)
    {
        /// <summary>What is held now, or a little later: a thread whose end was seen may be on the kernel's list for some moments.</summary>
        public static async Task<Held> WhenAsync(Func<Held, bool> isAsExpected)
        {
            long end = Environment.TickCount64 + 60_000;
            Held held;
            while (!isAsExpected(held = Now()) && Environment.TickCount64 < end)
                await Task.Delay(20);
            return held;
        }

        public static Held Now()
        {
            long managed = GC.GetTotalMemory(forceFullCollection: true);
            return !OperatingSystem.IsLinux() ? new Held(0, 0, managed, 0) : new Held(
                Directory.EnumerateFileSystemEntries("/proc/self/fd").Count(),
                Directory.EnumerateDirectories("/proc/self/task").Count(IsEnclave),
                managed,
                ResidentBytes().Own);
        }

        private static bool IsEnclave(string task)
        {
            try
            {
                return File.ReadAllText(Path.Combine(task, "comm")).StartsWith("enclave", StringComparison.Ordinal);
            }
            catch (IOException)
            {
                return false;
            }
        }
    }
}
