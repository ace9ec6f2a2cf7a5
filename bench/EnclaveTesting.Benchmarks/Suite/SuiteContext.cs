using System.Diagnostics;
using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Benchmarks.Suite;

/// <summary>What all measurements share.</summary>
/// <param name="Quick">Whether the whole suite is to end within 50 seconds.</param>
/// <param name="Directory">For files.</param>
internal sealed record SuiteContext(bool Quick, string Directory)
{
    /// <summary>Peers that are not installed, and measurements that could not be made, with the reason.</summary>
    public List<string> Absent { get; } = [];

    /// <summary>Whether KVM runs bare-metal guests here, which it may even where Auto does not choose it.</summary>
    public bool HasKvm { get; } = File.Exists("/dev/kvm") && AcceleratorSupport.WhyNot(Accelerator.Kvm) is null;

    public LinuxImage Kit => field ??= LinuxImages.Kit(Directory);

    public LinuxImage MipsImage => field ??= LinuxImages.Mips(Directory);

    public string Hello => field ??= WriteHello();

    /// <summary>Repetitions, in all and quickly.</summary>
    public int Runs(int full, int quick) => Quick ? quick : full;

    /// <summary>An enclave that is ready when its application says so.</summary>
    public EnclaveBuilder Builder(string image, Accelerator accelerator, long memoryMiB) => new EnclaveBuilder()
        .WithImage(image)
        .WithAccelerator(accelerator)
        .WithMemory(memoryMiB)
        .WithCpus(1)
        .WithParent(parent => parent.Port(9001).Expect("ready\n"))
        .WaitFor(Wait.ForParentPort(9001));

    /// <summary>Median milliseconds of something done several times.</summary>
    public static async Task<double> MedianAsync(int runs, Func<Task> action)
    {
        var sample = new Sample();
        for (int i = 0; i < runs; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await action();
            sample.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return sample.Median;
    }

    private string WriteHello()
    {
        string path = Path.Combine(Directory, "hello.eif");
        File.WriteAllBytes(path, HelloImage.Build());
        return path;
    }
}
