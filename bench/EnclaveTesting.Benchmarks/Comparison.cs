using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Benchmarks;

/// <summary>
/// Boots the same kernel by QEMU and by us on the same KVM, one after the other in turns: from the start of the process (and, for us, also
/// inside a running process, as tests run it) to the first line on the serial console, which is the common mark; for us also to the heartbeat.
/// </summary>
internal static class Comparison
{
    private const string Mark = "hello: enclave guest starting";
    private const int GuestMiB = 8;

    // Every run on each side warms the page cache for the next; the first are not counted.
    private const int WarmUp = 3;

    /// <summary>Compares.</summary>
    /// <param name="runs">How often each side runs.</param>
    /// <param name="tools">Builds of the tool: a .dll, or a program of its own.</param>
    public static async Task<int> RunAsync(int runs, string[] tools)
    {
        string image = Path.Combine(Path.GetTempPath(), $"compare-{Environment.ProcessId}.eif");
        await File.WriteAllBytesAsync(image, HelloImage.Build());
        try
        {
            var qemu = new Side("QEMU process");
            Side[] ours = [.. tools.Select(tool => new Side(tool.EndsWith(".dll", StringComparison.Ordinal) ? "enclave process" : "enclave process (native)"))];
            var here = new Side("in a running process");
            string first = "";
            for (int i = -WarmUp; i < runs; i++)
            {
                (double Line, double? Heartbeat, double Rss) run = await RunQemuAsync();
                qemu.Add(i, run);
                for (int tool = 0; tool < tools.Length; tool++)
                    ours[tool].Add(i, await RunToolAsync(tools[tool], image));
                run = await RunHereAsync(image);
                here.Add(i, run);
                if (i == -WarmUp)
                    first = $"{run.Line:F1} and {run.Heartbeat:F1} ms, {run.Rss:F1} MiB";
            }

            Console.WriteLine($"{runs} runs each, in turns, {GuestMiB} MiB guests, {Environment.ProcessorCount} processors; median (lowest to highest)");
            foreach (Side side in (Side[])[qemu, .. ours, here])
                side.Print(qemu);
            Console.WriteLine($"the first start in this process: {first}");
            return 0;
        }
        finally
        {
            File.Delete(image);
        }
    }

    private static async Task<(double Line, double? Heartbeat, double Rss)> RunQemuAsync()
    {
        string[] arguments =
        [
            "-M", "microvm,accel=kvm", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
            "-m", GuestMiB.ToString(CultureInfo.InvariantCulture), "-kernel", HelloImage.Kernel(), "-append", "console=ttyS0",
        ];
        (double line, double peak) = await RunProcessAsync("qemu-system-x86_64", arguments, async (process, _) =>
        {
            double rss = PeakRss(process.Id);
            process.Kill();
            await process.WaitForExitAsync();
            return rss;
        });
        return (line, null, peak);
    }

    private static async Task<(double Line, double? Heartbeat, double Rss)> RunToolAsync(string tool, string image)
    {
        double heartbeat = 0;
        string[] arguments = tool.EndsWith(".dll", StringComparison.Ordinal) ? [tool] : [];
        (double line, double rss) = await RunProcessAsync(tool.EndsWith(".dll", StringComparison.Ordinal) ? "dotnet" : tool, [.. arguments, "run", image, "--accelerator", "kvm"], async (process, start) =>
        {
            // The status line about the heartbeat goes to standard error as soon as it was answered.
            while (await process.StandardError.ReadLineAsync() is { } status)
            {
                if (!status.StartsWith("enclave: heartbeat", StringComparison.Ordinal))
                    continue;
                heartbeat = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                break;
            }

            double peak = PeakRss(process.Id);
            process.Kill();
            await process.WaitForExitAsync();
            return peak;
        });
        return (line, heartbeat, rss);
    }

    private static async Task<(double Line, double Rss)> RunProcessAsync(string program, string[] arguments, Func<Process, long, Task<double>> end)
    {
        var info = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        long start = Stopwatch.GetTimestamp();
        using Process process = Process.Start(info)!;
        while (true)
        {
            string line = await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"{program} ended: {await process.StandardError.ReadToEndAsync()}");
            if (!line.Contains(Mark, StringComparison.Ordinal))
                continue;
            double milliseconds = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            return (milliseconds, await end(process, start));
        }
    }

    private static async Task<(double Line, double? Heartbeat, double Rss)> RunHereAsync(string path)
    {
        double before = CurrentRss();
        long start = Stopwatch.GetTimestamp();
        var console = new MarkedConsole(start);
        using var image = EifImage.Open(path);
        await using MicroVm machine = MicroVm.Create(image, new MicroVmOptions { Accelerator = Accelerator.Kvm, Console = console });
        using VsockListener listener = machine.Vsock.Listen(9000);
        machine.Start();
        await using VsockStream stream = await listener.AcceptAsync();
        byte[] beat = new byte[1];
        await stream.ReadExactlyAsync(beat);
        await stream.WriteAsync(beat);
        double heartbeat = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        double rss = CurrentRss() - before;
        return (await console.FirstLine, heartbeat, rss);
    }

    private static double PeakRss(int process) => StatusMiB($"/proc/{process}/status", "VmHWM");

    private static double CurrentRss() => StatusMiB("/proc/self/status", "VmRSS");

    private static double StatusMiB(string path, string name) =>
        double.Parse(Regex.Match(File.ReadAllText(path), name + @":\s+(\d+) kB").Groups[1].Value, CultureInfo.InvariantCulture) / 1024;

    /// <summary>The numbers of one side.</summary>
    private sealed class Side(string name)
    {
        private readonly Sample _line = new(), _heartbeat = new(), _rss = new();

        public void Add(int run, (double Line, double? Heartbeat, double Rss) numbers)
        {
            if (run < 0)
                return;
            _line.Add(numbers.Line);
            _rss.Add(numbers.Rss);
            if (numbers.Heartbeat is { } heartbeat)
                _heartbeat.Add(heartbeat);
        }

        public void Print(Side other)
        {
            Console.WriteLine($"{name,-26} to the first line  ms  {_line}");
            Console.WriteLine($"{"",-26} to the heartbeat   ms  {_heartbeat}");
            Console.WriteLine($"{"",-26} resident memory    MiB {_rss}");
            if (other != this)
                Console.WriteLine($"{"",-26} ratio of medians: {_line.Median / other._line.Median:F2} of QEMU's time, {_rss.Median / other._rss.Median:F2} of its memory");
        }
    }

    private sealed class MarkedConsole(long start) : ISerialSink
    {
        private readonly TaskCompletionSource<double> _firstLine = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly StringBuilder _line = new();

        public Task<double> FirstLine => _firstLine.Task;

        public void Write(byte value)
        {
            if (_firstLine.Task.IsCompleted)
                return;
            if (value != '\n')
                _line.Append((char)value);
            else if (_line.ToString().Contains(Mark, StringComparison.Ordinal))
                _firstLine.TrySetResult(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
    }
}
