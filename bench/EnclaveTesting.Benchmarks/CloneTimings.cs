using System.Diagnostics;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Benchmarks;

/// <summary>What keeping, restoring and cloning a machine costs: times in milliseconds of the wall, medians with the extremes, and memory.</summary>
internal sealed class CloneTimings
{
    private const uint Commands = 5001;

    public double BootMs { get; private set; }

    public Sample CaptureMs { get; } = new();

    public double SaveMs { get; private set; }

    public double FileMiB { get; private set; }

    public Sample LoadMs { get; } = new();

    /// <summary>From the saved machine in memory to the reply to "ping".</summary>
    public Sample RestoredToReplyMs { get; } = new();

    /// <summary>The same of a machine that was loaded from a file, whose guest's code is decoded again, without the loading.</summary>
    public Sample LoadedToReplyMs { get; } = new();

    /// <summary>Of that, the processor time.</summary>
    public Sample LoadedToReplyCpuMs { get; } = new();

    /// <summary>Of a restore, until the machine has been started.</summary>
    public Sample RestoredToStartMs { get; } = new();

    /// <summary>Of that, the processor time of all threads of the process, which a busy host does not stretch; a jiffy or less is noise.</summary>
    public Sample RestoredToReplyCpuMs { get; } = new();

    /// <summary>What the hypervisor's calls of a restore take without this library (<see cref="KvmFloor"/>), each time before a restore; on KVM.</summary>
    public Sample IoctlsToStartMs { get; } = new();

    /// <summary>The same until the guest needs somebody for the first time.</summary>
    public Sample IoctlsToExitMs { get; } = new();

    /// <summary>The calls up to the start, and what the guest's processor then executes until its reply; on KVM.</summary>
    public Sample IoctlsToReplyMs { get; } = new();

    public Sample DisposeMs { get; } = new();

    /// <summary>By how much the resident memory of the process grew for each machine that was alive and had answered: as the kernel counts it, and
    /// with shared pages counted once.</summary>
    public (double Resident, double Proportional) CloneMiB { get; private set; }

    public static EifBuilder Linux(int memoryMiB)
    {
        const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserExecute;
        byte[] application = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "guests", "enclave-app"));
        return new EifBuilder()
            .WithKernel(GuestKit.Kernel)
            .WithDefaultMemory((long)memoryMiB << 20)
            .WithDefaultCpus(1)
            .AddRamdisk(NitroRamdisks.CreateBoot(GuestKit.Init).Build())
            .AddRamdisk(NitroRamdisks.CreateApplication(["/enclave-app"], []).AddFile("rootfs/enclave-app", application, Executable).Build());
    }

    /// <summary>Boots an image that answers the commands of the guests of this repository, and measures.</summary>
    public static async Task<CloneTimings> MeasureAsync(EifBuilder builder, Accelerator accelerator, int runs, int alive)
    {
        var result = new CloneTimings();
        var options = new MicroVmOptions { Accelerator = accelerator };
        using EifImage image = EifImage.Load(builder.Build());
        long begin = Stopwatch.GetTimestamp();
        await using MicroVm original = MicroVm.Create(image, options);
        await BootAsync(original);
        result.BootMs = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
        MachineSnapshot? snapshot = null;
        for (int i = 0; i < 5; i++)
        {
            snapshot?.Dispose();
            begin = Stopwatch.GetTimestamp();
            snapshot = await original.CaptureAsync();
            result.CaptureMs.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }

        string file = Path.Combine(Path.GetTempPath(), $"enclave-clone-{Environment.ProcessId}.machine");
        try
        {
            begin = Stopwatch.GetTimestamp();
            SnapshotFile.Save(snapshot!, file);
            result.SaveMs = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
            result.FileMiB = new FileInfo(file).Length / (double)(1 << 20);
            for (int i = 0; i < 5; i++)
            {
                begin = Stopwatch.GetTimestamp();
                using MachineSnapshot loaded = SnapshotFile.Load(file);
                result.LoadMs.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
                // Its code is not decoded yet.
                await result.RestoreAsync(loaded, options, 1 + (runs / 5), result.LoadedToReplyMs, result.LoadedToReplyCpuMs);
            }
        }
        finally
        {
            File.Delete(file);
        }

        await result.RestoreAsync(snapshot!, options, runs, result.RestoredToReplyMs, result.RestoredToReplyCpuMs);
        await result.KeepAliveAsync(snapshot!, options, alive);
        snapshot!.Dispose();
        return result;
    }

    public static async Task<int> RunAsync(int runs, int memoryMiB)
    {
        foreach (Accelerator accelerator in (Accelerator[])[Accelerator.Software, Accelerator.Kvm])
        {
            try
            {
                // KVM here may not run Linux; the bare-metal guest runs everywhere.
                foreach ((string name, EifBuilder image) in ((string, EifBuilder)[])[("hello", Hello(memoryMiB)), .. accelerator == Accelerator.Software ? [("linux", Linux(memoryMiB))] : Array.Empty<(string, EifBuilder)>()])
                    Console.WriteLine((await MeasureAsync(image, accelerator, runs, 50)).ToString($"{name} {memoryMiB} MiB on {accelerator}"));
            }
            catch (AcceleratorUnavailableException exception)
            {
                Console.WriteLine($"{accelerator}: {exception.Message}");
            }
        }

        return 0;
    }

    public string ToString(string title) => $"""
        {title}
          boot to ready               ms {BootMs,8:F1}
          capture (first, later)      ms {CaptureMs}
          save to a file of {FileMiB,5:F1} MiB ms {SaveMs,8:F1}
          load and check the file     ms {LoadMs}
          restored: to first reply    ms {RestoredToReplyMs}
            of that, processor time   ms {RestoredToReplyCpuMs}
          loaded: to first reply      ms {LoadedToReplyMs}
            of that, processor time   ms {LoadedToReplyCpuMs}
          restored: to start          ms {RestoredToStartMs}
          ioctls and guest: to reply  ms {IoctlsToReplyMs}
          ioctls alone: to first exit ms {IoctlsToExitMs}
          ioctls alone: to start      ms {IoctlsToStartMs}
          dispose                     ms {DisposeMs}
          memory of a clone that answered  MiB {CloneMiB.Resident,6:F1} resident, {CloneMiB.Proportional:F1} with shared pages once
        """;

    public static EifBuilder Hello(int memoryMiB) => new EifBuilder()
        .WithKernel(HelloImage.Kernel()).WithCommandLine("console=ttyS0").WithDefaultMemory((long)memoryMiB << 20).WithDefaultCpus(1).AddRamdisk(new byte[1024]);

    private static async Task BootAsync(MicroVm machine)
    {
        using VsockListener heartbeat = machine.Vsock.Listen(9000), ready = machine.Vsock.Listen(9001);
        machine.Start();
        await using (VsockStream stream = await heartbeat.AcceptAsync())
        {
            byte[] beat = new byte[1];
            await stream.ReadExactlyAsync(beat);
            await stream.WriteAsync(beat);
        }

        await using VsockStream told = await ready.AcceptAsync();
        await told.CopyToAsync(Stream.Null);
    }

    private static async Task AskAsync(MicroVm machine)
    {
        await using VsockStream stream = await machine.Vsock.ConnectAsync(Commands);
        await stream.WriteAsync("ping\n"u8.ToArray());
        byte[] pong = new byte[5];
        await stream.ReadExactlyAsync(pong);
        if (!pong.AsSpan().SequenceEqual("pong\n"u8))
            throw new InvalidDataException("The machine does not answer.");
    }

    private static (double Resident, double Proportional) Memory()
    {
        static double Value(string file, string name) => double.Parse(File.ReadLines(file).First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) / 1024;
        return (Value("/proc/self/smaps_rollup", "Rss:"), Value("/proc/self/smaps_rollup", "Pss:"));
    }

    private async Task RestoreAsync(MachineSnapshot snapshot, MicroVmOptions options, int runs, Sample toReply, Sample cpuToReply)
    {
        for (int i = -3; i < runs; i++)
        {
            (double ToStart, double ToExit)? ioctls = OperatingSystem.IsLinux() && snapshot.Description.Accelerator == Accelerator.Kvm ? KvmFloor.Measure(snapshot) : null;

            TimeSpan cpu = Environment.CpuUsage.TotalTime;
            long begin = Stopwatch.GetTimestamp();
            MicroVm machine = MicroVm.Restore(snapshot, options);
            machine.Start();
            double started = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
            await AskAsync(machine);
            double replied = Stopwatch.GetElapsedTime(begin).TotalMilliseconds;
            cpu = Environment.CpuUsage.TotalTime - cpu;
            double guest = OperatingSystem.IsLinux() && ioctls is not null ? KvmFloor.GuestTime() : 0;
            begin = Stopwatch.GetTimestamp();
            await machine.DisposeAsync();
            // The first ones compile.
            if (i < 0)
                continue;
            RestoredToStartMs.Add(started);
            toReply.Add(replied);
            cpuToReply.Add(cpu.TotalMilliseconds);
            if (ioctls is { } floor)
            {
                IoctlsToStartMs.Add(floor.ToStart);
                IoctlsToExitMs.Add(floor.ToExit);
                IoctlsToReplyMs.Add(floor.ToStart + guest);
            }

            DisposeMs.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }
    }

    private async Task KeepAliveAsync(MachineSnapshot snapshot, MicroVmOptions options, int count)
    {
        GC.Collect();
        (double resident, double proportional) = Memory();
        List<MicroVm> machines = [];
        for (int i = 0; i < count; i++)
        {
            MicroVm machine = MicroVm.Restore(snapshot, options);
            machine.Start();
            await AskAsync(machine);
            machines.Add(machine);
        }

        (double residentNow, double proportionalNow) = Memory();
        CloneMiB = ((residentNow - resident) / count, (proportionalNow - proportional) / count);
        foreach (MicroVm machine in machines)
            await machine.DisposeAsync();
    }
}
