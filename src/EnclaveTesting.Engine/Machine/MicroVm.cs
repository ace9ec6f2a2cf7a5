using System.Globalization;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Memory;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting.Engine.Machine;

/// <summary>
/// An enclave image in a machine of its own, in this process: created with the image in memory, started once, ended by itself or
/// stopped, and disposed. Thread-safe.
/// </summary>
public sealed class MicroVm : IAsyncDisposable
{
    private readonly GuestMemory _memory;
    private readonly IVirtualMachine _machine;
    private readonly MachineBus _bus;
    private readonly MachineDevices _devices;
    private readonly BootEntry _entry;
    private readonly ILogger _log;
    private readonly string _name;
    private readonly Lock _lifecycle = new();
    private readonly TaskCompletionSource<VmExit> _exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool _started, _finished;
    private Task? _disposal;

    private MicroVm(EifImage image, MicroVmOptions options, AcceleratorChoice accelerator)
    {
        _name = image.Name;
        _log = new ForgivingLogger(options.LoggerFactory.CreateLogger<MicroVm>());
        Cpus = CountCpus(image, options);
        MemoryBytes = options.MemoryBytes ?? (image.DefaultMemory > 0 ? image.DefaultMemory : EifBuilder.DefaultMemory);
        CommandLine = KernelCommandLine.Build(image.CommandLine, options.ExtraCommandLine, MachineDevices.CountVirtio(options));
        Accelerator = accelerator.Accelerator.Kind;
        AcceleratorReason = accelerator.Reason;
        _bus = new MachineBus(EndFromInside);
        _memory = GuestMemory.Allocate(MemoryBytes);
        try
        {
            LoadedImage loaded = LinuxBoot.Load(image, _memory, Cpus, CommandLine, options.ExtraInitrd);
            _entry = loaded.Entry;
            Measurements = loaded.Measurements;
            _machine = accelerator.Accelerator.CreateMachine(new VirtualMachineConfiguration(_memory, Cpus, _log) { TimeProvider = options.EffectiveTimeProvider, Seed = options.Seed }, _bus);
            try
            {
                _devices = new MachineDevices(options, loaded.Measurements, _memory, _machine, _bus, _log);
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

        MicroVmLog.Created(_log, _name, MemoryBytes >> 20, Cpus, options.GuestCid, Accelerator, AcceleratorReason);
    }

    /// <summary>What executes the guest; never <see cref="Accelerator.Auto"/>.</summary>
    public Accelerator Accelerator { get; }

    /// <summary>Why that accelerator, in words.</summary>
    public string AcceleratorReason { get; }

    /// <summary>Guest RAM in bytes.</summary>
    public long MemoryBytes { get; }

    /// <summary>Virtual CPUs.</summary>
    public int Cpus { get; }

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
        return Create(image, options, AcceleratorChoice.Resolve(options.Accelerator, options.Time));
    }

    internal static MicroVm Create(EifImage image, MicroVmOptions options, AcceleratorChoice accelerator)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (new Cid(options.GuestCid).WhyNotForGuests is { } problem)
            throw new ArgumentException(problem, nameof(options));
        options.Nsm?.Validate();
        return new MicroVm(image, options, accelerator);
    }

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
            _machine.Start(_entry);
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
        MicroVmLog.Ended(_log, _name, exit.Reason, exit.Detail);
        return exit;
    }
}
