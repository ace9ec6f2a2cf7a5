using System.Diagnostics;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Benchmarks;

/// <summary>How long a stop takes from each state of a guest, and the disposal after it.</summary>
internal static class StopLatency
{
    public static async Task<int> RunAsync(int runs)
    {
        foreach ((string guest, string sign, string state) in new[] { ("mmio-fuzz", "fuzz: seed", "running (exits all the time)"), ("no-heartbeat", "sleeping", "halted, interrupts on"), ("spin", "spinning", "spinning, interrupts off") })
        {
            Sample stop = new(), dispose = new();
            using var image = EifImage.Load(HelloImage.Build(guest));
            for (int i = -2; i < runs; i++)
            {
                var console = new Awaited(sign);
                MicroVm machine = MicroVm.Create(image, new MicroVmOptions { Accelerator = Accelerator.Kvm, Console = console, ExtraCommandLine = "iterations=1000000000" });
                machine.Start();
                await console.Seen;
                long start = Stopwatch.GetTimestamp();
                await machine.StopAsync();
                double stopped = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
                start = Stopwatch.GetTimestamp();
                await machine.DisposeAsync();
                if (i < 0)
                    continue;
                stop.Add(stopped);
                dispose.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }

            Console.WriteLine($"{state,-30} stop ms {stop}   dispose ms {dispose}");
        }

        return 0;
    }

    private sealed class Awaited(string sign) : ISerialSink
    {
        private readonly TaskCompletionSource _seen = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private string _tail = "";

        public Task Seen => _seen.Task;

        public void Write(byte value)
        {
            if (_seen.Task.IsCompleted)
                return;
            _tail += (char)value;
            if (_tail.EndsWith(sign, StringComparison.Ordinal))
                _seen.TrySetResult();
        }
    }
}
