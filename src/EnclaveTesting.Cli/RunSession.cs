using System.Diagnostics;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Machine.Recording;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Cli;

/// <summary>One run of an enclave with the default parent: heartbeat answered, forwarded ports open, all others closed.</summary>
internal sealed class RunSession(CommandContext context, RunOptions options)
{
    // How long a reader of standard output that has stopped reading may keep an interrupted run.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(1);

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly Lock _errorLock = new();
    private TimeSpan _started;

    /// <summary>Runs the enclave to the end that was asked for.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync(CancellationToken cancellationToken)
    {
        using var console = new ConsoleOutput(context.OpenOutput(), _start, options.Until is RunOptions.UntilExit or RunOptions.UntilHeartbeat ? "" : options.Until);
        using var recording = OpenRecording();
        var machine = Create(console, recording);
        await using (machine.ConfigureAwait(false))
        {
            var memory = machine.MemoryBytes >> 20;
            Status($"{machine.Accelerator.ToString().ToLowerInvariant()} because {machine.AcceleratorReason}; {memory} MiB, {machine.Cpus} vCPU{(machine.Cpus == 1 ? "" : "s")}, CID {options.Cid}");
            var heartbeat = new HeartbeatPort(_start, Status);
            using var services = new CancellationTokenSource();
            var serving = recording is null ? Serve(machine.Vsock, heartbeat, services.Token) : Task.CompletedTask;
            var outcome = await WaitAsync(machine, console, heartbeat, cancellationToken).ConfigureAwait(false);

            // First of all the console lets go: a guest that waits for its reader cannot be stopped.
            console.Release();
            var exit = await machine.StopAsync().ConfigureAwait(false);
            var end = Stopwatch.GetElapsedTime(_start);
            await services.CancelAsync().ConfigureAwait(false);
            await serving.ConfigureAwait(false);
            return await ReportAsync(machine, console, new RunReport(options, machine, outcome, CodeOf(outcome), exit, _started, console.FirstByteAt, heartbeat.At, end), cancellationToken).ConfigureAwait(false);
        }
    }

    private static int CodeOf(RunOutcome outcome) => outcome switch
    {
        RunOutcome.Reached => ExitCode.Ok,
        RunOutcome.Failed => ExitCode.EnclaveFailed,
        RunOutcome.TimedOut => ExitCode.TimedOut,
        RunOutcome.Interrupted => ExitCode.Interrupted,
        _ => ExitCode.OutputClosed,
    };

    private MachineRecording? OpenRecording()
    {
        try
        {
            return options.Replay is { } path ? MachineRecording.Open(path) : null;
        }
        catch (Exception exception) when (exception is RecordingFormatException or IOException or UnauthorizedAccessException)
        {
            throw new CommandException(ExitCode.Environment, exception.Message, exception);
        }
    }

    private MicroVm Create(ConsoleOutput console, MachineRecording? recording)
    {
        // Somebody looks on; who waits for the end does not want timers to come early.
        MachineTime time = options.Record is null ? MachineTime.Host : MachineTime.Virtual;
        if (recording is null)
            AcceleratorChoice.Prepare(options.Accelerator, time, options.CpuTemplate);
        using var image = EifImage.Open(options.Image);
        try
        {
            if (recording is not null)
                return MicroVm.Replay(image, recording, new MicroVmOptions { Console = console });
            return MicroVm.Create(image, new MicroVmOptions
            {
                MemoryBytes = options.MemoryMiB << 20,
                Cpus = options.Cpus,
                GuestCid = options.Cid,
                ExtraCommandLine = options.CommandLine,
                ExtraInitrd = options.Initrd is { } path ? File.ReadAllBytes(path) : default(ReadOnlyMemory<byte>),
                Acpi = options.Acpi,
                Accelerator = options.Accelerator,
                Decompress = options.Decompress,
                CpuTemplate = options.CpuTemplate,
                Console = console,
                Time = time,
                RecordTo = options.Record,
            });
        }
        catch (Exception exception) when (exception is RecordingFormatException or ArgumentException || (exception is IOException or UnauthorizedAccessException && options.Record is not null))
        {
            throw new CommandException(ExitCode.Environment, exception.Message, exception);
        }
        catch (EnclaveImageException exception)
        {
            throw new CommandException(ExitCode.BadImage, exception.Message, exception);
        }
        catch (Exception exception) when (exception is AcceleratorUnavailableException or GuestMemoryException)
        {
            throw new CommandException(ExitCode.Environment, exception.Message, exception);
        }
    }

    private Task Serve(VsockHost host, HeartbeatPort heartbeat, CancellationToken cancellationToken)
    {
        var tasks = new List<Task> { heartbeat.ServeAsync(host.Listen(HeartbeatPort.Port, new VsockListenOptions { IsScripts = true }), cancellationToken) };
        foreach (var forward in options.Forwards)
            tasks.Add(forward.ServeAsync(host, host.Listen(forward.ParentPort, new VsockListenOptions { DeferAccept = true, IsScripts = true }), Status, cancellationToken));
        return Task.WhenAll(tasks);
    }

    private async Task<RunOutcome> WaitAsync(MicroVm machine, ConsoleOutput console, HeartbeatPort heartbeat, CancellationToken cancellationToken)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task timeout = Task.Delay(options.Timeout ?? Timeout.InfiniteTimeSpan, timer.Token);
        Task goal = options.Until switch
        {
            RunOptions.UntilExit => machine.Exited,
            RunOptions.UntilHeartbeat => heartbeat.Seen,
            _ => console.TextSeen,
        };
        if (cancellationToken.IsCancellationRequested)
            return RunOutcome.Interrupted;
        _started = Stopwatch.GetElapsedTime(_start);
        using var waiting = new HostWait(machine.Host);
        machine.Start();
        var beating = TellHeartbeatAsync(heartbeat, timer.Token);
        await Task.WhenAny(goal, machine.Exited, console.Ended, timeout).ConfigureAwait(false);
        bool timedOut = timeout.IsCompletedSuccessfully;
        await timer.CancelAsync().ConfigureAwait(false);
        await beating.ConfigureAwait(false);
        if (cancellationToken.IsCancellationRequested)
            return RunOutcome.Interrupted;
        if (console.Ended.IsCompleted)
            return RunOutcome.OutputClosed;
        if (goal.IsCompleted)
            return options.Until != RunOptions.UntilExit || IsOrderly(await machine.Exited.ConfigureAwait(false)) ? RunOutcome.Reached : RunOutcome.Failed;
        return timedOut ? RunOutcome.TimedOut : RunOutcome.Failed;
    }

    private async Task TellHeartbeatAsync(HeartbeatPort heartbeat, CancellationToken cancellationToken)
    {
        try
        {
            var at = await heartbeat.Seen.WaitAsync(cancellationToken).ConfigureAwait(false);
            Status($"heartbeat after {at.TotalMilliseconds:0} ms");
        }
        catch (OperationCanceledException)
        {
            if (heartbeat.At is { } at)
                Status($"heartbeat after {at.TotalMilliseconds:0} ms");
        }
    }

    private async Task<int> ReportAsync(MicroVm machine, ConsoleOutput console, RunReport report, CancellationToken cancellationToken)
    {
        IOException? failure = null;
        bool complete = false;
        try
        {
            using var lastWords = report.Outcome == RunOutcome.Interrupted ? new CancellationTokenSource(LastWords) : CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            failure = await console.CompleteAsync(lastWords.Token).ConfigureAwait(false);
            complete = failure is null;
        }
        catch (OperationCanceledException)
        {
            // Nobody reads; what is left is lost.
        }

        if (failure is not null && !StandardOutput.IsReaderGone(failure))
            throw new CommandException(ExitCode.Environment, $"standard output cannot be written: {failure.Message}", failure);
        if (failure is not null)
            return ExitCode.OutputClosed;
        Explain(machine, report);
        if (options.Json && complete)
            console.WriteLine(report.ToJson());
        return cancellationToken.IsCancellationRequested ? ExitCode.Interrupted : report.ExitCode;
    }

    private void Explain(MicroVm machine, RunReport report)
    {
        string awaited = options.Until switch
        {
            RunOptions.UntilExit => "its end",
            RunOptions.UntilHeartbeat => "the heartbeat",
            _ => $"\"{options.Until}\" on the console",
        };
        switch (report.Outcome)
        {
            case RunOutcome.TimedOut:
                Status($"timed out: waited {options.Timeout!.Value.TotalSeconds:0.###} s for {awaited}");
                break;
            case RunOutcome.Interrupted:
                Status("interrupted");
                break;
            case RunOutcome.Failed when options.Until != RunOptions.UntilExit:
                Status($"the enclave ended before {awaited}");
                break;
        }

        // Where the CPU was helps to find out why; after an orderly end nobody asks.
        bool inDetail = report.Outcome == RunOutcome.TimedOut || report.Exit.Reason is VmExitReason.HypervisorError or VmExitReason.TripleFault;
        Status($"ended after {report.End.TotalMilliseconds:0} ms: {(inDetail ? report.Exit.ToString() : $"{report.Exit.Reason}: {report.Exit.Detail}")}");
        // A program that wanted an instruction too many may have failed in an enclave that ended well.
        foreach (string line in machine.Diagnostics)
            Status(line);
        if (!inDetail)
            return;
        foreach (string access in machine.UnclaimedAccesses)
            Status($"no device answered a {access}");
    }

    private static bool IsOrderly(VmExit exit) => exit.Reason is VmExitReason.Reboot or VmExitReason.Halt or VmExitReason.Stopped;

    private void Status(string text)
    {
        lock (_errorLock)
            context.Error.WriteLine($"enclave: {text}");
    }
}
