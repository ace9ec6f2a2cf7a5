using System.Globalization;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine.Recording;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting.Engine.Machine;

/// <summary>
/// An enclave image in a machine of its own, in this process: created with the image in memory, started once, ended by itself or
/// stopped, and disposed. Thread-safe.
/// </summary>
internal sealed class MicroVm : IAsyncDisposable
{
    private const ulong DefaultSeed = 0;

    private readonly GuestMemory _memory;
    private readonly IVirtualMachine _machine;
    private readonly MachineBus _bus;
    private readonly MachineDevices _devices;
    private readonly MicroVmOptions _options;
    private readonly BootEntry? _entry;
    private readonly ILogger _log;
    private readonly string _name;
    private readonly Lock _lifecycle = new();
    private readonly TaskCompletionSource<VmExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HostActivity _activity = new();
    private readonly MachineJournal? _journal;
    private readonly ulong? _seed;
    private bool _started, _finished;
    private Task? _disposal;

    private MicroVm(EifImage image, MicroVmOptions options, AcceleratorChoice accelerator)
    {
        _name = image.Name;
        _options = options;
        _log = new ForgivingLogger(options.LoggerFactory.CreateLogger<MicroVm>());
        Cpus = CountCpus(image, options);
        MemoryBytes = options.MemoryBytes ?? (image.DefaultMemory > 0 ? image.DefaultMemory : EifBuilder.DefaultMemory);
        Time = accelerator.Time;
        _seed = options.Seed ?? (Time == MachineTime.Virtual ? DefaultSeed : null);
        var platform = new PlatformDescription(Cpus, MachineDevices.CountVirtio(options), options.Acpi ?? false)
        {
            GenerationId = _seed is null && options.Acpi != false,
            Entropy = options.CpuTemplate == CpuTemplate.Baseline ? BootEntropy.Create(_seed) : default,
        };
        CommandLine = KernelCommandLine.Build(image.CommandLine, options.ExtraCommandLine, platform.Acpi ? 0 : platform.VirtioDevices);
        Accelerator = accelerator.Accelerator.Kind;
        AcceleratorReason = accelerator.Reason;
        _bus = new MachineBus(EndFromInside);
        _memory = GuestMemory.Allocate(MemoryBytes);
        try
        {
            LoadedImage loaded = LinuxBoot.Load(image, _memory, platform, CommandLine, options.ExtraInitrd,
                options.Decompress ?? accelerator.Accelerator.IsInterpreter, _log);
            _entry = loaded.Entry;
            Measurements = loaded.Measurements;
            _journal = OpenJournal();
            (_machine, _devices) = Assemble(accelerator);
            if (platform.GenerationId)
                _devices.GenerationId.Begin();
        }
        catch
        {
            (_journal as MachineRecorder)?.Dispose();
            _memory.Dispose();
            throw;
        }

        MicroVmLog.Created(_log, _name, MemoryBytes >> 20, Cpus, options.GuestCid, Accelerator, AcceleratorReason);
    }

    private MicroVm(MachineSnapshot snapshot, MicroVmOptions options, AcceleratorChoice accelerator)
    {
        MachineDescription description = snapshot.Description;
        _name = description.Name;
        _options = options;
        _log = new ForgivingLogger(options.LoggerFactory.CreateLogger<MicroVm>());
        Cpus = description.Cpus;
        MemoryBytes = description.MemoryBytes;
        CommandLine = description.CommandLine;
        Measurements = description.Measurements;
        Time = accelerator.Time;
        _seed = options.Seed ?? (Time == MachineTime.Virtual ? DefaultSeed : null);
        Accelerator = accelerator.Accelerator.Kind;
        AcceleratorReason = accelerator.Reason;
        _bus = new MachineBus(EndFromInside);
        _memory = snapshot.Memory.Clone();
        try
        {
            (_machine, _devices) = Assemble(accelerator);
            try
            {
                StateArchive archive = snapshot.OpenState();
                Exchange(archive);
                archive.RequireEnd();
                if (snapshot.Code?.TryShare() is { } code)
                    _machine.InheritCode(code);
            }
            catch
            {
                _machine.Dispose();
                throw;
            }
        }
        catch
        {
            _memory.Dispose();
            throw;
        }

        MicroVmLog.Restored(_log, _name, snapshot.Source, Accelerator);
    }

    /// <summary>What executes the guest; never <see cref="Accelerator.Auto"/>.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Why that accelerator, in words.</summary>
    public string AcceleratorReason { get; }

    /// <summary>What time is in the machine.</summary>
    public MachineTime Time { get; }

    /// <summary>Where what it gives as random begins; null where that is the operating system's entropy.</summary>
    public ulong? Seed => _seed;

    /// <summary>How many instructions all virtual CPUs have executed so far; null where they are not counted, which is on KVM.</summary>
    public long? Instructions => _machine.Instructions;

    /// <summary>From which instruction on and why another run in virtual time may differ; null if nothing so far makes it.</summary>
    public string? HostPace => _machine.HostPace;

    /// <summary>Guest RAM in bytes.</summary>
    public long MemoryBytes { get; }

    /// <summary>Virtual CPUs.</summary>
    public int Cpus { get; }

    /// <summary>The clock behind the guest's time of day.</summary>
    public TimeProvider TimeOfDay => _options.TimeProvider ?? _machine.ObservedTimeOfDay;

    /// <summary>
    /// The clock behind the times in attestation documents: the guest's. Where nobody asked for virtual time it is the host's, since whoever
    /// verifies the documents then knows no other.
    /// </summary>
    public TimeProvider AttestationTime => AttestsByHost ? TimeProvider.System : TimeOfDay;

    /// <summary>The whole kernel command line.</summary>
    public string CommandLine { get; }

    /// <summary>The image's PCRs, measured while it was loaded.</summary>
    public EifMeasurements Measurements { get; }

    /// <summary>The parent's end of the machine's vsock device.</summary>
    public VsockHost Vsock => _devices.Vsock.Host;

    /// <summary>The security module's registers now; null in a machine without one.</summary>
    public PcrSnapshot? Pcrs => _devices.Pcrs?.Current;

    /// <summary>What is wrong with the attestation documents from now on.</summary>
    /// <exception cref="InvalidOperationException">The machine has no security module.</exception>
    public AttestationFaults AttestationFaults
    {
        get => Nsm.Faults;
        set => Nsm.Faults = value;
    }

    /// <summary>Completes, never faults, when the machine has ended for whatever reason and none of its threads runs any more.</summary>
    public Task<VmExit> Exited => _exited.Task;

    /// <summary>The first accesses that no device answered, for diagnostics, such as "read of port 0x3e9".</summary>
    public IReadOnlyList<string> UnclaimedAccesses => _bus.DescribeUnclaimed();

    /// <summary>What else the guest wanted and did not get, such as an instruction that the software CPU does not know.</summary>
    public IReadOnlyList<string> Diagnostics => _machine.Diagnostics;

    /// <summary>What the host's programs do for this machine.</summary>
    internal HostActivity Host => _activity;

    private bool AttestsByHost => Time == MachineTime.Virtual && _options.Time is null && _options.TimeProvider is null;

    private NsmProtocol Nsm => _devices.Nsm ?? throw new InvalidOperationException("This machine was built without a security module.");

    /// <summary>Builds a machine and loads the image into it; nothing runs yet.</summary>
    /// <param name="image">The image; not needed any more when this returns.</param>
    /// <param name="options">How to run it.</param>
    /// <exception cref="ArgumentException">An option is impossible: the CID, the number of CPUs.</exception>
    /// <exception cref="GuestMemoryException">The memory is impossible, or more than the host has.</exception>
    /// <exception cref="EnclaveImageException">The image cannot be booted, or not in this memory.</exception>
    /// <exception cref="EifFormatException">The image is damaged.</exception>
    /// <exception cref="AcceleratorUnavailableException">This host cannot run it.</exception>
    public static MicroVm Create(EifImage image, MicroVmOptions? options = null)
    {
        options ??= new MicroVmOptions();
        return Create(image, options, AcceleratorChoice.Resolve(options.Accelerator, options.Time, options.CpuTemplate));
    }

    /// <summary>
    /// Builds a machine that runs again what was recorded, without the host's programs: what they did comes from the recording. It ends where the
    /// recorded one ended, or with <see cref="VmExitReason.ReplayDiverged"/>; nobody can be reached in it.
    /// </summary>
    /// <param name="image">The image that was recorded; not needed any more when this returns.</param>
    /// <param name="recording">The recording, which is read while the machine runs and stays the caller's.</param>
    /// <param name="options">Where the console goes and the like; how the machine is built says the recording.</param>
    /// <exception cref="ArgumentException">The recording is of another image.</exception>
    /// <exception cref="RecordingFormatException">The recording is damaged.</exception>
    /// <exception cref="GuestMemoryException">The host does not have the memory.</exception>
    /// <exception cref="EifFormatException">The image is damaged.</exception>
    public static MicroVm Replay(EifImage image, MachineRecording recording, MicroVmOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(recording);
        options ??= new MicroVmOptions();
        RecordingHeader header = recording.Header;
        return Create(image, options with
        {
            MemoryBytes = header.MemoryBytes,
            Cpus = header.Cpus,
            GuestCid = header.GuestCid,
            ExtraCommandLine = header.ExtraCommandLine,
            ExtraInitrd = header.Initrd,
            Acpi = header.Acpi,
            Decompress = header.Decompress,
            CpuTemplate = header.CpuTemplate,
            Seed = header.Seed,
            Nsm = header.HasNsm ? options.Nsm ?? new NsmOptions() : null,
            Time = MachineTime.Virtual,
            TimeProvider = header.HasOwnTimeOfDay ? System.TimeProvider.System : null,
            RecordTo = null,
            Replayed = recording,
        }, AcceleratorChoice.Resolve(Accelerator.Software, MachineTime.Virtual));
    }

    internal static MicroVm Create(EifImage image, MicroVmOptions options, AcceleratorChoice accelerator)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (options.RecordTo is not null && accelerator.Time != MachineTime.Virtual)
            throw new ArgumentException("Only machines in virtual time can be recorded, which the software CPU runs.", nameof(options));
        if (options.RecordTo is not null && options.ExtraInitrd.Length > RecordingHeader.LargestInitrd)
            throw new ArgumentException($"A machine with an extra initrd of {options.ExtraInitrd.Length} bytes cannot be recorded: {RecordingHeader.LargestInitrd} at most.", nameof(options));
        if (new Cid(options.GuestCid).WhyNotForGuests is { } problem)
            throw new ArgumentException(problem, nameof(options));
        options.Nsm?.Validate();
        accelerator.Accelerator.WarmUp();
        return new MicroVm(image, options, accelerator);
    }

    /// <summary>Builds a machine that goes on where a saved one stood; nothing runs yet.</summary>
    /// <param name="snapshot">The saved machine; not needed any more when this returns.</param>
    /// <param name="options">As those of the saved machine; console, time of day, capture and the module's faults may be others.</param>
    /// <exception cref="ArgumentException">An option contradicts what was saved.</exception>
    /// <exception cref="StateFormatException">What was saved cannot be, or not on this host.</exception>
    /// <exception cref="GuestMemoryException">The host refuses the memory.</exception>
    /// <exception cref="AcceleratorUnavailableException">This host cannot run it.</exception>
    internal static MicroVm Restore(MachineSnapshot snapshot, MicroVmOptions options)
    {
        MachineDescription saved = snapshot.Description;
        options.Nsm?.Validate();
        if ((options.Time is { } time && time != saved.Time) || options.RecordTo is not null || options.GuestCid != saved.GuestCid || options.Nsm is null == saved.HasNsm)
            throw new ArgumentException("The saved machine has another clock, another CID or another security module, or it is to be recorded, which begins with the boot.", nameof(options));
        string host = MachineDescription.DescribeHost(saved.Accelerator);
        if (host != saved.Host)
            throw new StateFormatException(snapshot.Source, 0, $"a machine saved on a host like this one ({host})", saved.Host);
        // The guest goes on with the processor it knows.
        options = options with { CpuTemplate = saved.CpuTemplate };
        return new MicroVm(snapshot, options, AcceleratorChoice.Resolve(saved.Accelerator, saved.Time, saved.CpuTemplate));
    }

    /// <summary>Keeps the machine as it is now, in memory; it goes on afterwards.</summary>
    /// <param name="sharedMemory">False makes machines of it copy its memory, as on hosts that cannot share it.</param>
    /// <exception cref="InvalidOperationException">It was not started or has ended.</exception>
    internal async Task<MachineSnapshot> CaptureAsync(bool sharedMemory = true) =>
        await TryCaptureAsync(static _ => true, static _ => { }, sharedMemory).ConfigureAwait(false) ?? throw new InvalidOperationException("The machine was not saved.");

    /// <summary>Keeps the machine as it is now if the moment is right; it goes on afterwards.</summary>
    /// <param name="isRight">Says so, while the machine stands still.</param>
    /// <param name="captured">Called when it has been saved, while it still stands still.</param>
    /// <param name="sharedMemory">False makes machines of it copy its memory, as on hosts that cannot share it.</param>
    /// <returns>The saved machine, or null.</returns>
    /// <exception cref="InvalidOperationException">It was not started or has ended.</exception>
    internal Task<MachineSnapshot?> TryCaptureAsync(Func<VsockDevice, bool> isRight, Action<MachineSnapshot> captured, bool sharedMemory = true) => Task.Run(() =>
    {
        MachineSnapshot? snapshot = null;
        _machine.Pause(() => _bus.Run(() =>
        {
            if (!isRight(_devices.Vsock))
                return;
            StateArchive archive = StateArchive.ToWrite();
            Exchange(archive);
            snapshot = new MachineSnapshot(MachineDescription.Of(_name, this, _options), "<memory>", 0, archive.Written, _memory.Capture(sharedMemory)) { Code = _machine.ShareCode() };
            captured(snapshot);
        }));
        return snapshot;
    });

    /// <summary>Starts the CPUs.</summary>
    /// <exception cref="InvalidOperationException">It was started or stopped before.</exception>
    /// <exception cref="AcceleratorUnavailableException">The host refuses; the machine can only be disposed.</exception>
    public void Start()
    {
        lock (_lifecycle)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            if (_started || _finished)
                throw new InvalidOperationException(_finished ? "The machine was stopped before it started." : "A machine starts once.");
            _started = true;
            if (_entry is { } entry)
            {
                _machine.Start(entry);
                return;
            }

            if (_seed is null)
                _devices.GenerationId.Renew();
            _machine.Resume(fresh: Time != MachineTime.Virtual);
        }
    }

    /// <summary>Stops the machine wherever it is and waits until it has; the machine's own end, if it was first, stays.</summary>
    /// <returns>How it ended.</returns>
    public Task<VmExit> StopAsync()
    {
        _bus.Ended(new VmExit(VmExitReason.Stopped, "The host stopped the machine."));
        return Exited;
    }

    /// <summary>Stops the machine and gives everything back: threads, descriptors, memory.</summary>
    public async ValueTask DisposeAsync()
    {
        Task disposal;
        lock (_lifecycle)
            disposal = _disposal ??= ReleaseAsync();
        await disposal.ConfigureAwait(false);
    }

    /// <summary>Waits until a time has passed in the machine; one that was not started yet has no time of its own.</summary>
    /// <param name="time">The time.</param>
    /// <param name="isAwaited">Whether somebody waits for the guest meanwhile.</param>
    /// <param name="waits">Told true when the machine knows of the wait and false when it is over, before anything else goes on.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal Task DelayAsync(TimeSpan time, bool isAwaited, Action<bool>? waits, CancellationToken cancellationToken) =>
        _started && _devices.Timers is { } timers ? timers.DelayAsync(time, isAwaited, waits, cancellationToken) : Task.Delay(time, cancellationToken);

    private MachineJournal? OpenJournal()
    {
        if (_options.Replayed is { } recording)
        {
            return recording.Pcr0 == Measurements.Pcr0
                ? new MachinePlayer(recording)
                : throw new ArgumentException($"{recording.Path} is a recording of {recording.Image} with PCR0 {recording.Pcr0}, while {_name} has {Measurements.Pcr0}.");
        }

        return _options.RecordTo is not { } path ? null : new MachineRecorder(path, new RecordingHeader
        {
            Engine = RecordingHeader.ThisEngine,
            Image = _name,
            Pcr0 = Measurements.Pcr0.ToArray(),
            MemoryBytes = MemoryBytes,
            Cpus = Cpus,
            GuestCid = _options.GuestCid,
            ExtraCommandLine = _options.ExtraCommandLine,
            Seed = _seed!.Value,
            HasNsm = _options.Nsm is not null,
            HasOwnTimeOfDay = _options.TimeProvider is not null,
            Acpi = _options.Acpi ?? false,
            Decompress = _options.Decompress ?? true,
            CpuTemplate = _options.CpuTemplate,
            Initrd = _options.ExtraInitrd.ToArray(),
        });
    }

    private (IVirtualMachine Machine, MachineDevices Devices) Assemble(AcceleratorChoice accelerator)
    {
        TimeProvider? timeOfDay = _options.TimeProvider;
        if (timeOfDay is not null && _journal is not null)
            timeOfDay = new JournalTimeOfDay(_journal, timeOfDay);
        var configuration = new VirtualMachineConfiguration(_memory, Cpus, _log) { TimeProvider = timeOfDay, Seed = _seed, CpuTemplate = _options.CpuTemplate, SoftwareAssist = _options.SoftwareAssist, Translation = _options.Translation, Host = _activity, Journal = _journal };
        IVirtualMachine machine = accelerator.Accelerator.CreateMachine(configuration, _bus);
        try
        {
            var surroundings = new MachineSurroundings(_activity, _journal, timeOfDay ?? machine.TimeOfDay, AttestsByHost ? TimeProvider.System : timeOfDay ?? machine.TimeOfDay, _seed);
            return (machine, new MachineDevices(_options, surroundings, Measurements, _memory, machine, _bus, _log));
        }
        catch
        {
            machine.Dispose();
            throw;
        }
    }

    private void Exchange(StateArchive archive)
    {
        archive.Section("machine", _machine.Exchange);
        archive.Section("devices", _devices.Exchange);
        archive.Section("diagnostics", _bus.Exchange);
    }

    private static int CountCpus(EifImage image, MicroVmOptions options)
    {
        if (options.Cpus is int wanted)
        {
            return wanted is >= 1 and <= MpTable.MaximumCpus
                ? wanted
                : throw new ArgumentException(string.Create(CultureInfo.InvariantCulture, $"A machine has 1 to {MpTable.MaximumCpus} vCPUs, not {wanted}."), nameof(options));
        }

        return image.DefaultCpus is >= 1 and <= MpTable.MaximumCpus
            ? (int)image.DefaultCpus
            : throw new EnclaveImageException($"{image.Name} asks for {image.DefaultCpus} vCPUs; a machine has 1 to {MpTable.MaximumCpus}. Say how many to give it.");
    }

    private async Task ReleaseAsync()
    {
        await StopAsync().ConfigureAwait(false);
        _machine.Dispose();
        _memory.Dispose();
    }

    // Under the bus lock, on whatever thread saw the end.
    private void EndFromInside(VmExit exit)
    {
        // A kernel that panics halts or resets after it has said so; what it said is the reason.
        if (_devices.Panic.Reason is { } panic && exit.Reason is VmExitReason.Reboot or VmExitReason.Halt or VmExitReason.TripleFault)
            exit = exit with { Reason = VmExitReason.Panic, Detail = panic };
        _machine.RequestStop();
        // The thread that is here cannot wait for itself.
        ThreadPool.UnsafeQueueUserWorkItem(static state => state.Machine.Finish(state.Exit), (Machine: this, Exit: exit), preferLocal: false);
    }

    private void Finish(VmExit exit)
    {
        try
        {
            exit = Conclude(exit);
        }
        catch (Exception exception)
        {
            // On a thread of the pool this would end the process, and whoever waits for the machine would never know.
            exit = new VmExit(VmExitReason.HypervisorError, $"{exit.Detail} The machine's end failed: {exception}");
        }

        _exited.TrySetResult(exit);
    }

    private VmExit Conclude(VmExit exit)
    {
        // Start holds this lock while it makes the threads that are waited for.
        lock (_lifecycle)
        {
            _finished = true;
            _machine.Join();
        }

        _bus.Run(() => _devices.Vsock.MachineEnded(exit.Detail));
        // Where a guest was when it was stopped is what the author of a hanging test wants to know.
        if (exit.Registers is null && _machine.TryReadRegisters(0, out CpuRegisters registers, out _))
            exit = exit with { Cpu = 0, Registers = registers };
        if (_machine.Instructions is { } instructions)
        {
            exit = exit with { Instructions = instructions, HostPace = _machine.HostPace };
            (_journal as MachineRecorder)?.Close(instructions, _machine.VirtualTime!.Now, exit);
            if (exit.Reason != VmExitReason.ReplayDiverged && (_journal as MachinePlayer)?.FindDifference(instructions, exit) is { } difference)
                exit = exit with { Reason = VmExitReason.ReplayDiverged, Detail = difference };
        }

        MicroVmLog.Ended(_log, _name, exit.Reason, exit.Detail);
        return exit;
    }
}
