using BenchmarkDotNet.Running;
using EnclaveTesting.Benchmarks;

// compare ENCLAVE_DLL [RUNS]   start to first console line and heartbeat, side by side with QEMU (see ../compare-qemu.sh)
// stop [RUNS]                  how long a stop takes from running, halted and spinning
// anything else                BenchmarkDotNet's own options
switch (args)
{
    case ["compare", var tool, .. var rest]:
        return await Comparison.RunAsync(tool, rest.Length > 0 ? int.Parse(rest[0]) : 15);
    case ["stop"]:
        return await StopLatency.RunAsync(50);
    case ["stop", var count]:
        return await StopLatency.RunAsync(int.Parse(count));
    default:
        BenchmarkSwitcher.FromAssembly(typeof(Comparison).Assembly).Run(args);
        return 0;
}
