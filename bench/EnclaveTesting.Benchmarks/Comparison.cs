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

    public static async Task<int> RunAsync(string tool, int runs)
    {
        string image = Path.Combine(Path.GetTempPath(), $"compare-{Environment.ProcessId}.eif");
        await File.WriteAllBytesAsync(image, HelloImage.Build());
        try
        {
            Sample qemuLine = new(), qemuRss = new(), toolLine = new(), toolHeartbeat = new(), toolRss = new(), hereLine = new(), hereHeartbeat = new(), hereRss = new();
            double firstLine = 0, firstHeartbeat = 0, firstRss = 0;
            for (int i = -WarmUp; i < runs; i++)
            {
                (double line, double rss) = await RunQemuAsync();
                (double ourLine, double ourHeartbeat, double ourRss) = await RunToolAsync(tool, image);
                (double line1, double heartbeat1, double rss1) = await RunHereAsync(image);
                if (i == -WarmUp)
                    (firstLine, firstHeartbeat, firstRss) = (line1, heartbeat1, rss1);
                if (i < 0)
                    continue;
                qemuLine.Add(line);
                qemuRss.Add(rss);
                toolLine.Add(ourLine);
                toolHeartbeat.Add(ourHeartbeat);
                toolRss.Add(ourRss);
                hereLine.Add(line1);
                hereHeartbeat.Add(heartbeat1);
                hereRss.Add(rss1);
            }

            Console.WriteLine($"{runs} runs each, in turns, {GuestMiB} MiB guests, {Environment.ProcessorCount} processors; median (lowest to highest)");
            Console.WriteLine($"QEMU process, start to first line            ms  {qemuLine}");
            Console.WriteLine($"QEMU process, peak RSS at that line          MiB {qemuRss}");
            Console.WriteLine($"enclave process, start to first line         ms  {toolLine}");
            Console.WriteLine($"enclave process, start to heartbeat          ms  {toolHeartbeat}");
            Console.WriteLine($"enclave process, peak RSS                    MiB {toolRss}");
            Console.WriteLine($"in a running process, create to first line   ms  {hereLine}   the first time {firstLine:F1}");
            Console.WriteLine($"in a running process, create to heartbeat    ms  {hereHeartbeat}   the first time {firstHeartbeat:F1}");
            Console.WriteLine($"in a running process, RSS it adds            MiB {hereRss}   the first time {firstRss:F1}");
            Console.WriteLine($"ratios of medians to QEMU's: process {toolLine.Median / qemuLine.Median:F2} (time) {toolRss.Median / qemuRss.Median:F2} (memory); in process {hereLine.Median / qemuLine.Median:F2} (time) {hereRss.Median / qemuRss.Median:F2} (memory)");
            return 0;
        }
        finally
        {
            File.Delete(image);
        }
    }

    private static async Task<(double Line, double Rss)> RunQemuAsync()
    {
        string[] arguments =
        [
            "-M", "microvm,accel=kvm", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
            "-m", GuestMiB.ToString(CultureInfo.InvariantCulture), "-kernel", HelloImage.Kernel(), "-append", "console=ttyS0",
        ];
        return await RunProcessAsync("qemu-system-x86_64", arguments, async (process, _) =>
        {
            double rss = PeakRss(process.Id);
            process.Kill();
            await process.WaitForExitAsync();
            return rss;
        });
    }

    private static async Task<(double Line, double Heartbeat, double Rss)> RunToolAsync(string tool, string image)
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

    private static async Task<(double Line, double Heartbeat, double Rss)> RunHereAsync(string path)
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
