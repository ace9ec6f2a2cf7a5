using System.Globalization;

namespace EnclaveTesting.Engine.Tests.Accelerators.Kvm;

/// <summary>What this process holds of the host, from /proc/self.</summary>
internal sealed record ProcessResources(int Descriptors, int KvmDescriptors, int Mappings, int KvmMappings, int Threads, int EnclaveThreads, long ManagedBytes)
{
    // A thread's stack, its guard page, and what malloc keeps for it.
    private const int MappingsOfThread = 4;

    /// <summary>How many mappings came since an earlier measurement that are not those of threads: a busy host's thread pool grows.</summary>
    public int MappingsSince(ProcessResources before) => Mappings - before.Mappings - (MappingsOfThread * Math.Max(0, Threads - before.Threads));

    /// <summary>Whether anything of KVM or of an enclave is held.</summary>
    public bool HoldsNoEnclave => (KvmDescriptors, KvmMappings, EnclaveThreads) == (0, 0, 0);

    /// <summary>
    /// Measures when it is as expected, or a minute is over: a thread whose end was seen may be on the kernel's list for some moments, and the runtime
    /// opens a file now and then.
    /// </summary>
    public static ProcessResources MeasureWhen(Func<ProcessResources, bool> isAsExpected)
    {
        long end = Environment.TickCount64 + 60_000;
        ProcessResources now;
        while (!isAsExpected(now = Measure()) && Environment.TickCount64 < end)
            Thread.Sleep(20);
        return now;
    }

    /// <summary>Measures after a full collection.</summary>
    public static ProcessResources Measure()
    {
        long managed = GC.GetTotalMemory(forceFullCollection: true);
        GC.WaitForPendingFinalizers();
        // The runtime keeps the assemblies open that it loads when they are first needed.
        string[] descriptors = [.. Directory.EnumerateFileSystemEntries("/proc/self/fd").Select(Target).Where(target => !target.EndsWith(".dll", StringComparison.Ordinal))];
        string[] mappings = File.ReadAllLines("/proc/self/maps");
        string[] threads = [.. Directory.EnumerateDirectories("/proc/self/task").Select(Name)];
        return new ProcessResources(
            descriptors.Length, descriptors.Count(target => target.StartsWith("anon_inode:kvm", StringComparison.Ordinal) || target == "/dev/kvm"),
            mappings.Length, mappings.Count(line => line.Contains("anon_inode:kvm", StringComparison.Ordinal)),
            threads.Length, threads.Count(name => name.StartsWith("enclave", StringComparison.Ordinal)), managed);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Descriptors} descriptors ({KvmDescriptors} of KVM), {Mappings} mappings ({KvmMappings} of KVM), {Threads} threads ({EnclaveThreads} of enclaves), {ManagedBytes:N0} managed bytes");

    private static string Target(string path)
    {
        try
        {
            return File.ResolveLinkTarget(path, returnFinalTarget: false)?.Name ?? "";
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static string Name(string task)
    {
        try
        {
            return File.ReadAllText(Path.Combine(task, "comm"));
        }
        catch (IOException)
        {
            return "";
        }
    }
}
