using System.Globalization;
using System.Text.RegularExpressions;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Benchmarks;

/// <summary>What guest/bench/mips prints, as the first process of a machine.</summary>
internal static partial class Mips
{
    public const string End = "mips: done";

    /// <summary>How many instructions each kind of work is: in virtual time each takes a nanosecond.</summary>
    /// <param name="image">The image.</param>
    /// <param name="divisor">Makes the work so many times smaller.</param>
    public static Task<IReadOnlyDictionary<string, double>> CountAsync(LinuxImage image, int divisor = 1) =>
        TimeAsync(line => SoftwareBoot.RunAsync(image, End, line, options => Divide(divisor)(options) with { Time = MachineTime.Virtual }));

    /// <summary>Prints how fast the software CPU does each kind of work.</summary>
    public static async Task<int> PrintAsync(int runs)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("enclave-mips-");
        try
        {
            LinuxImage image = LinuxImages.Mips(directory.FullName);
            IReadOnlyDictionary<string, double> counts = await CountAsync(image);
            Dictionary<string, Sample> samples = Samples(counts);
            for (int i = 0; i < runs; i++)
                Add(samples, counts, await TimeProcessorAsync(line => SoftwareBoot.RunAsync(image, End, line, Divide(1))));
            Console.WriteLine($"guest/bench/mips, {runs} runs: million instructions a second of processor time by kind of work, median (lowest to highest)");
            foreach ((string kind, double count) in counts)
                Console.WriteLine($"  {kind,-10} {count,14:N0}  {samples[kind]}");
            return 0;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>What the kernel is to hand to the program.</summary>
    public static string Argument(int divisor) => string.Create(CultureInfo.InvariantCulture, $"-- {divisor}");

    /// <summary>Options with <see cref="Argument"/>, in the host's time, which the guest measures.</summary>
    public static Func<MicroVmOptions, MicroVmOptions> Divide(int divisor) =>
        options => options with { ExtraCommandLine = Argument(divisor), Time = MachineTime.Host };

    /// <summary>The nanoseconds of each kind of work by the guest's clock.</summary>
    public static async Task<IReadOnlyDictionary<string, double>> TimeAsync(Func<Action<string, double>, Task> run)
    {
        var times = new Dictionary<string, double>();
        await run((line, _) =>
        {
            if (Line().Match(line) is { Success: true } match)
                times[match.Groups[1].Value] = double.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
        });
        return times;
    }

    /// <summary>The nanoseconds of processor time of each kind of work, which other work on the machine hardly changes.</summary>
    public static async Task<IReadOnlyDictionary<string, double>> TimeProcessorAsync(Func<Action<string, double>, Task> run)
    {
        var times = new Dictionary<string, double>();
        double before = 0;
        await run((line, cpu) =>
        {
            if (Line().Match(line) is { Success: true } match)
                times[match.Groups[1].Value] = (cpu - before) * 1e6;
            before = cpu;
        });
        return times;
    }

    public static Dictionary<string, Sample> Samples(IReadOnlyDictionary<string, double> counts) => counts.Keys.ToDictionary(kind => kind, _ => new Sample());

    /// <summary>Notes millions of instructions a second.</summary>
    public static void Add(Dictionary<string, Sample> samples, IReadOnlyDictionary<string, double> counts, IReadOnlyDictionary<string, double> times)
    {
        foreach ((string kind, double time) in times)
            samples[kind].Add(counts[kind] * 1000 / time);
    }

    [GeneratedRegex(@"mips: (\w+) ns (\d+)")]
    private static partial Regex Line();
}
