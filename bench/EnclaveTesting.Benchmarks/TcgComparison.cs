using System.Diagnostics;
using System.Globalization;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Benchmarks;

/// <summary>
/// The software CPU and QEMU's TCG side by side, in turns: the same kernels, ramdisks, command lines and memory up to the line before the
/// first process; then the same program for each kind of work.
/// </summary>
internal static class TcgComparison
{
    /// <summary>Compares.</summary>
    /// <param name="runs">How often each side boots.</param>
    /// <param name="tool">The tool, published; a .dll.</param>
    /// <param name="kernels">Directories of kernels of distributions, for another comparison each.</param>
    public static async Task<int> RunAsync(int runs, string tool, string[] kernels)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("compare-tcg-");
        try
        {
            await BootsAsync("guest kit", LinuxImages.Kit(directory.FullName), runs, later: 3, tool);
            foreach (string kernel in kernels)
                await BootsAsync(Path.GetFileName(kernel.TrimEnd('/')), LinuxImages.Distribution(directory.FullName, kernel), Math.Min(runs, 3), later: 1, tool);
            await MipsAsync(LinuxImages.Mips(directory.FullName), Math.Min(runs, 5));
            return 0;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Compares the speed by kind of work alone.</summary>
    public static async Task<int> RunMipsAsync(int runs)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("compare-tcg-");
        try
        {
            await MipsAsync(LinuxImages.Mips(directory.FullName), runs);
            return 0;
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Boots an image several times in this process, which is to be fresh, and prints the milliseconds.</summary>
    public static async Task<int> SeriesAsync(int boots, LinuxImage image)
    {
        for (int i = 0; i < boots; i++)
        {
            BootTime time = await SoftwareBoot.RunAsync(image, SoftwareBoot.Mark);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{time.Wall} {time.Cpu}"));
        }

        return 0;
    }

    private static async Task BootsAsync(string name, LinuxImage image, int runs, int later, string tool)
    {
        Side qemu = new("QEMU microvm TCG, a process"), process = new("software CPU, the tool's process");
        Side first = new("software CPU, first boot in a process"), others = new("software CPU, later boots in it");
        for (int i = -1; i < runs; i++)
        {
            BootTime qemuTime = await Qemu.BootAsync(image, SoftwareBoot.Mark);
            string[] arguments = [tool, "run", image.Path, "--accelerator", "software", .. image.Acpi ? (string[])["--acpi"] : []];
            BootTime processTime = await Tool.RunUntilAsync("dotnet", arguments, SoftwareBoot.Mark);
            BootTime[] series = await RunSeriesAsync(image, 1 + later);
            if (i < 0)
                continue; // every run warms the page cache for the next
            qemu.Add(qemuTime);
            process.Add(processTime);
            first.Add(series[0]);
            foreach (BootTime time in series[1..])
                others.Add(time);
        }

        Console.WriteLine($"{name}, {LinuxImages.MemoryMiB} MiB, to \"{SoftwareBoot.Mark}\", {runs} runs in turns: ms, median (lowest to highest)");
        foreach (Side side in (Side[])[qemu, process, first, others])
            Console.WriteLine(side.Describe(qemu));
    }

    private static async Task<BootTime[]> RunSeriesAsync(LinuxImage image, int boots)
    {
        using Process process = Tool.Start(Environment.ProcessPath!, "series", boots.ToString(CultureInfo.InvariantCulture), image.Path, image.Acpi.ToString());
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0
            ? [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Parse)]
            : throw new InvalidOperationException($"A series of boots failed: {await process.StandardError.ReadToEndAsync()}");

        static BootTime Parse(string line)
        {
            double[] numbers = [.. line.Split(' ').Select(number => double.Parse(number, CultureInfo.InvariantCulture))];
            return new BootTime(numbers[0], numbers[1]);
        }
    }

    private static async Task MipsAsync(LinuxImage image, int runs)
    {
        IReadOnlyDictionary<string, double> counts = await Mips.CountAsync(image);
        Dictionary<string, Sample> ours = Mips.Samples(counts), theirs = Mips.Samples(counts);
        for (int i = 0; i < runs; i++)
        {
            Mips.Add(theirs, counts, await Mips.TimeProcessorAsync(line => Qemu.BootAsync(image, Mips.End, line)));
            Mips.Add(ours, counts, await Mips.TimeProcessorAsync(line => SoftwareBoot.RunAsync(image, Mips.End, line, Mips.Divide(1))));
        }

        Console.WriteLine($"guest/bench/mips, {runs} runs in turns: million instructions a second of processor time by kind of work, median (lowest to highest)");
        Console.WriteLine($"  {"",-10} {"instructions",14}  {"software CPU",-30} {"QEMU TCG",-30} software / QEMU");
        foreach ((string kind, double count) in counts)
            Console.WriteLine($"  {kind,-10} {count,14:N0}  {ours[kind].ToString(),-30} {theirs[kind].ToString(),-30} {ours[kind].Median / theirs[kind].Median,8:F2}");
    }

    private sealed class Side(string name)
    {
        private readonly Sample _wall = new(), _cpu = new();

        public void Add(BootTime time)
        {
            _wall.Add(time.Wall);
            _cpu.Add(time.Cpu);
        }

        public string Describe(Side peer) =>
            $"  {name,-40} {_wall,-32} CPU {_cpu,-32}{(peer == this ? "" : $" {_wall.Median / peer._wall.Median:F2}, CPU {_cpu.Median / peer._cpu.Median:F2} of QEMU")}";
    }
}
