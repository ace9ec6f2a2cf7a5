using BenchmarkDotNet.Running;
using EnclaveTesting.Benchmarks;
using EnclaveTesting.Benchmarks.Suite;

// [--quick] [--json FILE] [--only start|streams|processor|memory|image]      everything or one part, beside peers: table, JSON, plot
// compare RUNS TOOL...         start to first console line and heartbeat, side by side with QEMU (see ../compare-qemu.sh)
// tcg RUNS TOOL [KERNEL...]    boots and speed by kind of work, side by side with QEMU's TCG (see ../compare-tcg.sh)
// stop [RUNS]                  how long a stop takes from running, halted and spinning
// mips RUNS [tcg]             the same speeds of the software CPU, alone or beside QEMU's
// memory IMAGE [COUNT] [acpi]  what so many enclaves cost in memory, on the software CPU
// clone [RUNS MIB]             what keeping, restoring and cloning a machine costs
// anything else                BenchmarkDotNet's own options
if (BenchmarkSuite.TryParse(args, out bool quick, out string file, out string? only))
    return await BenchmarkSuite.RunAsync(quick, file, only);
switch (args)
{
    case ["compare", var runs, .. var tools]:
        return await Comparison.RunAsync(int.Parse(runs), tools);
    case ["tcg", var runs, var tool, .. var kernels]:
        return await TcgComparison.RunAsync(int.Parse(runs), tool, kernels);
    case ["series", var boots, var image, var acpi]:
        return await TcgComparison.SeriesAsync(int.Parse(boots), new LinuxImage(image, "", "", bool.Parse(acpi)));
    case ["mips", var runs]:
        return await Mips.PrintAsync(int.Parse(runs));
    case ["mips", var runs, "tcg"]:
        return await TcgComparison.RunMipsAsync(int.Parse(runs));
    case ["stop"]:
        return await StopLatency.RunAsync(50);
    case ["stop", var count]:
        return await StopLatency.RunAsync(int.Parse(count));
    case ["memory", var image]:
        return await MemoryUse.RunAsync(image, 3, acpi: false);
    case ["memory", var image, var count]:
        return await MemoryUse.RunAsync(image, int.Parse(count), acpi: false);
    case ["memory", var image, var count, "acpi"]:
        return await MemoryUse.RunAsync(image, int.Parse(count), acpi: true);
    case ["clone"]:
        return await CloneTimings.RunAsync(30, 256);
    case ["clone", var runs, var memory]:
        return await CloneTimings.RunAsync(int.Parse(runs), int.Parse(memory));
    default:
        BenchmarkSwitcher.FromAssembly(typeof(Comparison).Assembly).Run(args);
        return 0;
}
