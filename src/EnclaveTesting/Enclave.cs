using System.Diagnostics;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting;

/// <summary>
/// An enclave under test: a microVM in this process with a fake parent, a console and clients. Made by <see cref="EnclaveBuilder"/>,
/// started once, disposed at the end. Thread-safe.
/// </summary>
public sealed partial class Enclave : IAsyncDisposable
{
    private readonly EnclaveOptions _options;
    private readonly ParentBuilder _script;
    private readonly ILogger _log;
    private readonly bool _isClone;
    private EnclaveSnapshot? _original;
    private VsockJournal? _journal;
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource<VmExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile MicroVm? _machine;
    private MicroVm? _starting;
    private readonly CancellationTokenSource _disposing = new();
    private TaskCompletionSource? _created;
    private EnclaveCapacity.Lease? _lease;
    private EnclaveState _state;
    private long _startedAt;
    private Task? _disposal;
    private volatile bool _ready;

    /// <param name="options">What it is.</param>
    /// <param name="parent">What its parent does.</param>
    /// <param name="original">What it is a clone of; null boots it.</param>
    internal Enclave(EnclaveOptions options, ParentBuilder parent, EnclaveSnapshot? original = null)
    {
        _options = options;
        _script = parent;
        _original = original;
        _isClone = original is not null;
        _log = new ForgivingLogger(options.LoggerFactory.CreateLogger<Enclave>());
        Name = options.Name ?? "enclave";
        Console = new EnclaveConsole(new ConsoleLog(), options.Snapshots);
        Parent = new ParentInstance(parent, this);
        Capture = options.CaptureLimit is int limit ? new VsockCapture(limit) : null;
        Wait = options.Wait ?? (parent.HeartbeatBehaviour.IsAnswered ? Wait.ForHeartbeat() : Wait.ForNothing());
    }

    /// <summary>
    /// Raised once when the enclave has ended, for whatever reason, before <see cref="Exited"/> completes. <see cref="DisposeAsync"/> waits for the
    /// handlers, so they must not wait for it.
    /// </summary>
    public event EventHandler<VmExit>? Ended;

    /// <summary>Its name in messages.</summary>
    public string Name { get; }

    /// <summary>The console.</summary>
    public EnclaveConsole Console { get; }

    /// <summary>The parent instance.</summary>
    public ParentInstance Parent { get; private set; }

    /// <summary>Where it stands.</summary>
    public EnclaveState State
    {
        get
        {
            lock (_lock)
                return _state;
        }
    }

    /// <summary>Completes, never faults, when the enclave has ended: by itself, stopped or disposed.</summary>
    public Task<VmExit> Exited => _exited.Task;

    /// <summary>How long it took from <see cref="StartAsync"/>'s call to the first instruction, to the heartbeat and so on.</summary>
    public EnclaveTimings Timings { get; private set; } = new();

    /// <summary>What executes it; after the start.</summary>
    public Accelerator Accelerator => Machine.Accelerator;

    /// <summary>Why that, in words; after the start.</summary>
    public string AcceleratorReason => Machine.AcceleratorReason;

    /// <summary>The image's PCRs; after the start.</summary>
    public EifMeasurements Measurements => Machine.Measurements;

    /// <summary>
    /// The clock by which its attestation documents are to be judged; after the start. It is that behind its time of day, but the host's where
    /// virtual time is merely the default.
    /// </summary>
    public TimeProvider TimeOfDay => Machine.AttestationTime;

    /// <summary>The security module's registers now; after the start.</summary>
    /// <exception cref="InvalidOperationException">The enclave was not started, or has no security module.</exception>
    public PcrSnapshot Pcrs => Machine.Pcrs ?? throw new InvalidOperationException($"{Name} has no security module.");

    /// <summary>What is wrong with the attestation documents from now on; after the start.</summary>
    public AttestationFaults AttestationFaults
    {
        get => Machine.AttestationFaults;
        set => Machine.AttestationFaults = value;
    }

    /// <summary>The vsock traffic so far, to be saved as pcapng for Wireshark; null without <see cref="EnclaveBuilder.WithCapture"/>.</summary>
    public VsockCapture? Capture { get; }

    /// <summary>The engine's machine, for what this class does not show; after the start.</summary>
    /// <exception cref="InvalidOperationException">The enclave was not started.</exception>
    internal MicroVm Machine => _machine ?? throw new InvalidOperationException($"{Name} was not started: call {nameof(StartAsync)} first.");

    /// <summary>How to have the same run again; null where there is no way, or before the start.</summary>
    internal string? Reproduction => _machine is { Time: MachineTime.Virtual, Seed: { } seed } machine
        ? $"virtual time, seed {seed}{(machine.HostPace is { } pace ? "; " + pace : "")}"
        : null;

    /// <summary>What the guest wanted and the accelerator does not have, such as an instruction; nothing before the start.</summary>
    internal IReadOnlyList<string> Diagnostics => _machine?.Diagnostics ?? [];

    internal RecordingFile? Recording { get; private set; }

    internal Wait Wait { get; }

    internal TimeSpan OperationTimeout => _options.OperationTimeout;

    internal TimeProvider HostTime => _options.HostTime;

    /// <summary>Boots the enclave and waits until it is ready.</summary>
    /// <exception cref="EnclaveBootException">It did not become ready: the message has the phase, what was awaited and seen, and the console's tail.</exception>
    /// <exception cref="InvalidOperationException">It was started before.</exception>
    /// <exception cref="ObjectDisposedException">It is disposed, or was before it could boot.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            if (_state != EnclaveState.Created)
                throw new InvalidOperationException($"{Name} was started before; build another one.");
            _state = EnclaveState.Starting;
            _created = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _startedAt = Stopwatch.GetTimestamp();
        TestEnclaves.Add(this);
        try
        {
            await BootAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not EnclaveException && _disposing.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            await DisposeAsync().ConfigureAwait(false);
            throw new ObjectDisposedException($"{Name} was disposed while it started.", exception);
        }
        catch
        {
            await DisposeAsync().ConfigureAwait(false);
            // A disposal that came first may not have seen it yet.
            _lease?.Dispose();
            throw;
        }
    }

    /// <summary>Stops the enclave wherever it is, as terminating it on EC2 does.</summary>
    /// <returns>How it ended; its own end, if that was first.</returns>
    public async Task<VmExit> StopAsync()
    {
        if (_machine is { } machine)
            await machine.StopAsync().ConfigureAwait(false);
        else
            throw new InvalidOperationException($"{Name} was not started.");
        return await Exited.ConfigureAwait(false);
    }

    /// <summary>Waits until the enclave ends by itself.</summary>
    /// <exception cref="EnclaveTimeoutException">It did not in time.</exception>
    public async Task<VmExit> WaitForExitAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        using HostWait? _ = _machine is { } machine ? new HostWait(machine.Host) : null;
        return await Deadline.RunAsync(this, timeout ?? OperationTimeout, () => $"the end of {Name}", Exited.WaitAsync, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Connects to a port of the enclave, as its parent does.</summary>
    /// <exception cref="VsockException">Nobody listens there.</exception>
    /// <exception cref="EnclaveExitedException">The enclave has ended.</exception>
    /// <exception cref="EnclaveTimeoutException">The enclave did not answer in time.</exception>
    public async Task<EnclaveConnection> ConnectAsync(uint port, CancellationToken cancellationToken = default) =>
        new(this, await ConnectStreamAsync(port, cancellationToken).ConfigureAwait(false), OperationTimeout);

    /// <summary>Connects to a port and gives the plain stream.</summary>
    /// <inheritdoc cref="ConnectAsync"/>
    public Task<VsockStream> ConnectStreamAsync(uint port, CancellationToken cancellationToken = default) =>
        Deadline.RunAsync(this, OperationTimeout, () => $"a connection to port {port} of {Name}", token => Machine.Vsock.ConnectAsync(port, token), cancellationToken);

    /// <summary>A client for requests and replies on a port; it connects with the first request.</summary>
    /// <param name="port">The enclave's port.</param>
    /// <param name="codec">How messages become bytes.</param>
    public EnclaveClient<TRequest, TReply> Client<TRequest, TReply>(uint port, Codec codec) => new(this, port, codec);

    /// <summary>An HTTP client whose connections go to a port of the enclave; the host name in its addresses means nothing.</summary>
    public HttpClient CreateHttpClient(uint port) => EnclaveHttp.CreateClient(this, port);

    /// <summary>Writes the recording of what has come to the enclave so far to a file.</summary>
    /// <exception cref="InvalidOperationException">It was built without <see cref="EnclaveBuilder.WithRecording"/>, or not started.</exception>
    public void SaveRecording(string path)
    {
        RecordingFile recording = Recording ?? throw new InvalidOperationException($"{Name} is not recorded: call {nameof(EnclaveBuilder.WithRecording)}.");
        using FileStream file = File.Create(path);
        recording.CopyTo(file);
    }

    /// <summary>Stops the enclave and gives back all that it used.</summary>
    public async ValueTask DisposeAsync()
    {
        Task disposal;
        lock (_lock)
            disposal = _disposal ??= ReleaseAsync();
        await disposal.ConfigureAwait(false);
    }

    /// <summary>Name and state.</summary>
    public override string ToString() => $"{Name} ({State})";

    internal BootPhase Phase
    {
        get
        {
            if (_machine is null || _startedAt == 0)
                return BootPhase.NotStarted;
            if (_ready)
                return BootPhase.Ready;
            if (Parent.HasHeartbeat)
                return BootPhase.HeartbeatReceived;
            return Console.Log.ByteCount > 0 ? BootPhase.Booting : BootPhase.Silent;
        }
    }

    private async Task BootAsync(CancellationToken cancellationToken)
    {
        using var progress = new BootProgress(this, _options.HostTime, _options.Progress);
        SnapshotStore.Turn? turn = null;
        try
        {
            MicroVm machine;
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposing.Token);
            try
            {
                machine = await CreateAsync(progress, found => turn = found, either.Token).ConfigureAwait(false);
            }
            finally
            {
                _created!.SetResult();
            }

            _ = WatchExitAsync(machine);
            ObjectDisposedException.ThrowIf(_disposing.IsCancellationRequested, this);
            Console.Log.Waits = new HostWaits(machine.Host);
            Parent.Start(machine);
            foreach (Func<Enclave, CancellationToken, Task> hook in _options.BeforeStart)
                await hook(this, cancellationToken).ConfigureAwait(false);
            Note(timings => timings with { Created = Stopwatch.GetElapsedTime(_startedAt) });
            BeginStart(machine);
            machine.Start();
            if (_isClone)
                machine.Host.BeginTurn();
            else
                await BecomeReadyAsync(progress, turn, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            EndStart();
            turn?.Dispose();
        }

        _ready = true;
        Note(timings => timings with { Ready = Stopwatch.GetElapsedTime(_startedAt) });
        lock (_lock)
        {
            if (_state == EnclaveState.Starting)
                _state = EnclaveState.Running;
        }
    }

    // A machine in virtual time begins together with what waits for it.
    private void BeginStart(MicroVm machine)
    {
        machine.Host.BeginWork();
        _starting = machine;
    }

    private void EndStart() => Interlocked.Exchange(ref _starting, null)?.Host.EndWork();

    private async Task BecomeReadyAsync(BootProgress progress, SnapshotStore.Turn? turn, CancellationToken cancellationToken)
    {
        if (turn is { MaySave: true })
            await SaveAsync(progress, turn, cancellationToken).ConfigureAwait(false);
        turn?.Dispose();
        await WaitUntilReadyAsync(Wait, progress, cancellationToken).ConfigureAwait(false);
        _ready = true;
        foreach (Func<Enclave, CancellationToken, Task> hook in _options.AfterStart)
            await hook(this, cancellationToken).ConfigureAwait(false);
    }

    private async Task<MicroVm> CreateAsync(BootProgress progress, Action<SnapshotStore.Turn> took, CancellationToken cancellationToken)
    {
        try
        {
            return _machine = _original is { } original
                ? await CloneMachineAsync(original, cancellationToken).ConfigureAwait(false)
                : await CreateMachineAsync(progress, took, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or EnclaveException))
        {
            throw new EnclaveBootException($"{Name} could not be started: {exception.Message}", BootPhase.NotStarted, timedOut: false, exit: null, "", exception);
        }
    }

    private async Task<MicroVm> CreateMachineAsync(BootProgress progress, Action<SnapshotStore.Turn> took, CancellationToken cancellationToken)
    {
        // A recording begins with the boot.
        bool mayBeSaved = _options.SnapshotAfter is not null && !_options.IsRecorded;
        AcceleratorChoice.Prepare(_options.Accelerator, _options.Time, _options.CpuTemplate);
        using EifImage image = await _options.Image!.OpenAsync(cancellationToken).ConfigureAwait(false);
        if (mayBeSaved)
        {
            SnapshotStore.Turn turn = await FindSavedAsync(image, progress, cancellationToken).ConfigureAwait(false);
            took(turn);
            if (await TryRestoreAsync(turn, progress, cancellationToken).ConfigureAwait(false) is { } restored)
                return restored;
        }

        long memory = (_options.MemoryMiB << 20) ?? (image.DefaultMemory > 0 ? image.DefaultMemory : EifBuilder.DefaultMemory);
        int cpus = _options.Cpus ?? (int)Math.Clamp(image.DefaultCpus, 1, 32);
        progress.Doing("waiting for other enclaves to give back CPUs and memory");
        _lease = await _options.Capacity.AcquireAsync(cpus, memory, cancellationToken).ConfigureAwait(false);
        progress.Doing("loading the image");
        MicroVmOptions options = MachineOptions() with
        {
            ExtraInitrd = _options.Environment.Count == 0 ? _options.Initrd : EnvironmentOverride.Build(image, _options.Environment, _options.Initrd),
            Journal = _journal,
            RecordTo = _options.IsRecorded ? (Recording = RecordingFile.Create()).Path : null,
        };
        try
        {
            return await Task.Run(() => MicroVm.Create(image, options), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            Recording?.Unlink();
        }
    }

    private MicroVmOptions MachineOptions() => new()
    {
        MemoryBytes = _options.MemoryMiB << 20,
        Cpus = _options.Cpus,
        GuestCid = _options.Cid,
        ExtraCommandLine = _options.CommandLine,
        Acpi = _options.Acpi,
        Accelerator = _options.Accelerator,
        Decompress = _options.Decompress,
        CpuTemplate = _options.CpuTemplate,
        SoftwareAssist = _options.SoftwareAssist,
        Console = Console.Log,
        Nsm = _options.Nsm,
        Capture = Capture,
        Time = _options.Time,
        TimeProvider = _options.TimeOfDay,
        Seed = _options.Seed,
        LoggerFactory = _options.LoggerFactory,
    };

    private async Task WaitUntilReadyAsync(Wait wait, BootProgress progress, CancellationToken cancellationToken)
    {
        progress.Doing("booting");
        var report = new WaitReport();
        using var timeout = new CancellationTokenSource(_options.StartupTimeout, _options.HostTime);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, timeout.Token);
        // What it does first belongs to the boot, not to some moment after its begin.
        Task waiting = wait.RunAsync(this, report, stop.Token);
        EndStart();
        Task first = await Task.WhenAny(waiting, Exited).ConfigureAwait(false);
        // What came before the enclave's end may be seen after it.
        if (first == Exited && wait.ToleratesExit)
            first = await Task.WhenAny(waiting).ConfigureAwait(false);
        if (first == waiting && waiting.IsCompletedSuccessfully)
            return;

        bool ended = Exited.IsCompleted;
        bool timedOut = !ended && stop.IsCancellationRequested;
        await stop.CancelAsync().ConfigureAwait(false);
        Exception? cause = await FailureOf(waiting).ConfigureAwait(false);
        cancellationToken.ThrowIfCancellationRequested();
        BootPhase phase = Phase;
        VmExit exit = await StopAsync().ConfigureAwait(false);
        string why = ended ? $"{Name} ended before it was ready"
            : timedOut ? $"{Name} was not ready within {Text.Duration(_options.StartupTimeout)}"
            : $"{Name} did not become ready: {cause?.Message}";
        string tail = Console.Log.Tail();
        throw new EnclaveBootException(
            $"{why} (phase: {phase}).\n{report}\n{(Reproduction is { } run ? $"Run: {run}\n" : "")}{Evidence.Of(this)}", phase, timedOut, exit, tail, cause is OperationCanceledException ? null : cause);
    }

    private static async Task<Exception?> FailureOf(Task task)
    {
        try
        {
            await task.ConfigureAwait(false);
            return null;
        }
        catch (Exception exception)
        {
            return exception;
        }
    }

    private void Note(Func<EnclaveTimings, EnclaveTimings> change)
    {
        lock (_lock)
            Timings = change(Timings);
    }

    private async Task WatchExitAsync(MicroVm machine)
    {
        VmExit exit = await machine.Exited.ConfigureAwait(false);
        Note(timings => timings with { Exited = Stopwatch.GetElapsedTime(_startedAt) });
        lock (_lock)
        {
            if (_state != EnclaveState.Disposed)
                _state = EnclaveState.Exited;
        }

        Console.Log.Complete(awaited => new EnclaveExitedException(awaited, exit, Console.Log.Tail(), $"{Text.Exit(exit)}\n{Evidence.Of(Parent)}"));
        try
        {
            Ended?.Invoke(this, exit);
        }
        finally
        {
            _exited.TrySetResult(exit);
        }
    }

    private async Task ReleaseAsync()
    {
        Task cancelled = _disposing.CancelAsync();
        // Not under the caller's lock.
        await Task.Yield();
        await cancelled.ConfigureAwait(false);
        // A start that goes on may still take a machine and its share of the host.
        if (_created is { } created)
            await created.Task.ConfigureAwait(false);
        if (_machine is { } machine)
        {
            await machine.DisposeAsync().ConfigureAwait(false);
            // Whoever has disposed it finds it ended, and Ended raised.
            await Exited.ConfigureAwait(false);
        }

        await Parent.StopAsync().ConfigureAwait(false);
        _lease?.Dispose();
        lock (_lock)
            _state = EnclaveState.Disposed;
        if (_machine is null)
            _exited.TrySetResult(new VmExit(VmExitReason.Stopped, $"{Name} was never started."));
    }
}
