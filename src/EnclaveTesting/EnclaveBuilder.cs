using System.Diagnostics;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting;

/// <summary>
/// Says how to run an enclave image. Immutable: every method gives a new builder, so a common one can be kept and varied. Mistakes are
/// reported by <see cref="Build"/>, all at once.
/// </summary>
[DebuggerDisplay("{Options}")]
public sealed class EnclaveBuilder
{
    private const long MaximumMemoryMiB = 1L << 22;

    // What the framework's timers and semaphores take: 2^31 milliseconds.
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(24);

    /// <summary>Starts with the defaults of a Nitro enclave and no image.</summary>
    public EnclaveBuilder()
        : this(new EnclaveOptions())
    {
    }

    private EnclaveBuilder(EnclaveOptions options) => Options = options;

    internal EnclaveOptions Options { get; }

    /// <summary>Takes the image (EIF) from a file; a relative path is looked for beside the test's binaries, then in the current directory.</summary>
    public EnclaveBuilder WithImage(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return With(Options with { Image = EnclaveImageSource.FromFile(path), Name = Options.Name ?? Path.GetFileNameWithoutExtension(path) });
    }

    /// <summary>Takes the image from memory; the bytes are not copied.</summary>
    public EnclaveBuilder WithImage(ReadOnlyMemory<byte> image) => With(Options with { Image = EnclaveImageSource.FromBytes(image) });

    /// <summary>Takes the image from a stream, which is read to its end when the enclave starts and stays open.</summary>
    public EnclaveBuilder WithImage(Stream image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return With(Options with { Image = EnclaveImageSource.FromStream(image) });
    }

    /// <summary>Builds the image when the enclave starts.</summary>
    public EnclaveBuilder WithImage(EifBuilder image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return With(Options with { Image = EnclaveImageSource.FromBuilder(image) });
    }

    /// <summary>Makes the image when the first enclave of this builder starts; the others share it.</summary>
    public EnclaveBuilder WithImage(Func<CancellationToken, Task<EifBuilder>> image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return With(Options with { Image = EnclaveImageSource.FromFunction(image) });
    }

    /// <summary>Names the enclave in messages; by default the image's file name.</summary>
    public EnclaveBuilder WithName(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return With(Options with { Name = name });
    }

    /// <summary>Sets the memory in MiB instead of the image's default.</summary>
    public EnclaveBuilder WithMemory(long mebibytes) => With(Options with { MemoryMiB = mebibytes });

    /// <summary>Sets the number of vCPUs, 1 to 32, instead of the image's default.</summary>
    public EnclaveBuilder WithCpus(int cpus) => With(Options with { Cpus = cpus });

    /// <summary>Sets the enclave's CID, 4 or higher; 16 by default. Enclaves side by side may have the same.</summary>
    public EnclaveBuilder WithCid(uint cid) => With(Options with { Cid = cid });

    /// <summary>Appends text to the image's kernel command line; repeated calls append more.</summary>
    public EnclaveBuilder WithCommandLine(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return With(Options with { CommandLine = Options.CommandLine is { Length: > 0 } before ? before + " " + text : text });
    }

    /// <summary>Appends a ramdisk to the image's own; its files replace theirs.</summary>
    public EnclaveBuilder WithInitrd(ReadOnlyMemory<byte> initrd) => With(Options with { Initrd = initrd });

    /// <summary>Sets an environment variable of the enclave's command, beside those of the image's /env.</summary>
    public EnclaveBuilder WithEnvironment(string name, string value)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(value);
        return With(Options with { Environment = new Dictionary<string, string>(Options.Environment) { [name] = value } });
    }

    /// <summary>
    /// Announces the enclave's devices by ACPI tables, as kernels of distributions want it, instead of on the kernel's command line, as a
    /// Nitro Enclave does. Unless this is called, an enclave in the host's time without a seed has ACPI tables that tell of one thing only, by which
    /// the kernel of a clone knows that it needs random numbers of its own; <c>WithAcpi(false)</c> leaves them out.
    /// </summary>
    public EnclaveBuilder WithAcpi(bool acpi = true) => With(Options with { Acpi = acpi });

    /// <summary>Says what executes the guest; <see cref="Accelerator.Auto"/> by default.</summary>
    public EnclaveBuilder WithAccelerator(Accelerator accelerator) => With(Options with { Accelerator = accelerator });

    /// <summary>
    /// Says whether the host unpacks a packed kernel and packed ramdisks, as by default for the software CPU, or the enclave's kernel does it
    /// itself, as on a real host and by default on KVM that runs it on the processor. PCRs are those of the image either way.
    /// </summary>
    public EnclaveBuilder WithDecompression(bool decompress = true) => With(Options with { Decompress = decompress });

    /// <summary>Says which processor the guest sees; <see cref="CpuTemplate.Host"/> by default. The others are the same on every host.</summary>
    public EnclaveBuilder WithCpuTemplate(CpuTemplate template) => With(Options with { CpuTemplate = template });

    /// <summary>
    /// Says whether the software CPU executes the instructions at which KVM gives up, as by default, or they end the enclave with
    /// <see cref="Engine.Machine.VmExitReason.HypervisorError"/>.
    /// </summary>
    public EnclaveBuilder WithSoftwareAssist(bool assist = true) => With(Options with { SoftwareAssist = assist });

    /// <summary>
    /// Runs the enclave in the host's time, the default on KVM, or in virtual time, the default on the software CPU, which alone has it. Asked for,
    /// it is also that of attestation documents.
    /// </summary>
    public EnclaveBuilder WithTime(MachineTime time) => With(Options with { Time = time });

    /// <summary>
    /// Sets the clock behind the enclave's time of day: its real-time clock, and the time of its attestation documents and certificates.
    /// By default the host's, or in virtual time one that begins with 2026.
    /// </summary>
    public EnclaveBuilder WithTimeOfDay(TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        return With(Options with { TimeOfDay = time });
    }

    /// <summary>Makes what the enclave gets as random a function of a number.</summary>
    public EnclaveBuilder WithSeed(ulong seed) => With(Options with { Seed = seed });

    /// <summary>Sets what the security module knows: instance, role, registers, signing authority, faults.</summary>
    public EnclaveBuilder WithNsm(NsmOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return With(Options with { Nsm = options });
    }

    /// <summary>Leaves the security module out.</summary>
    public EnclaveBuilder WithoutNsm() => With(Options with { Nsm = null });

    /// <summary>Runs the enclave in debug mode: its attestation documents show zeroes for PCR0, 1, 2 and 8.</summary>
    public EnclaveBuilder WithDebugMode(bool debug = true) => With(Options with { Nsm = (Options.Nsm ?? new NsmOptions()) with { DebugMode = debug } });

    /// <summary>Says what the parent does; repeated calls add to it.</summary>
    public EnclaveBuilder WithParent(Action<ParentBuilder> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return With(Options with { Parent = [.. Options.Parent, configure] });
    }

    /// <summary>
    /// Says when the enclave is ready. By default when its heartbeat has come; at once if the parent is told not to answer the heartbeat.
    /// </summary>
    public EnclaveBuilder WaitFor(Wait wait)
    {
        ArgumentNullException.ThrowIfNull(wait);
        return With(Options with { Wait = wait });
    }

    /// <summary>
    /// Boots once and saves the enclave at a moment of its boot; whoever starts the same image with the same options afterwards, in this process or
    /// another, goes on from there. The parent's scripts do what they did during the boot, with the same results, or else the enclave boots.
    /// </summary>
    /// <param name="after">The moment: <see cref="After.Heartbeat"/> or any wait.</param>
    public EnclaveBuilder WithSnapshot(Wait after)
    {
        ArgumentNullException.ThrowIfNull(after);
        return With(Options with { SnapshotAfter = after });
    }

    /// <summary>Keeps booted enclaves elsewhere than all others of the process.</summary>
    internal EnclaveBuilder WithSnapshotStore(SnapshotStore store) => With(Options with { SnapshotStore = store });

    /// <summary>Measures timeouts by another clock.</summary>
    internal EnclaveBuilder WithHostTime(TimeProvider time) => With(Options with { HostTime = time });

    /// <summary>Gives the lines about a start that takes long to somebody else than standard error.</summary>
    internal EnclaveBuilder WithProgress(Action<string> progress) => With(Options with { Progress = progress });

    /// <summary>Has the enclave queue with others than all of the process.</summary>
    internal EnclaveBuilder WithCapacity(EnclaveCapacity capacity) => With(Options with { Capacity = capacity });

    /// <summary>Sets how long the enclave may take to become ready; 60 seconds by default.</summary>
    public EnclaveBuilder WithStartupTimeout(TimeSpan timeout) => With(Options with { StartupTimeout = timeout });

    /// <summary>Sets how long each operation of a client may take; 30 seconds by default.</summary>
    public EnclaveBuilder WithOperationTimeout(TimeSpan timeout) => With(Options with { OperationTimeout = timeout });

    /// <summary>Changes how the console's views become snapshots.</summary>
    public EnclaveBuilder WithSnapshots(Func<SnapshotSettings, SnapshotSettings> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return With(Options with { Snapshots = change(Options.Snapshots) });
    }

    /// <summary>Keeps all vsock traffic, up to a limit in bytes, for <see cref="Enclave.Capture"/>.</summary>
    public EnclaveBuilder WithCapture(int limit = VsockCapture.DefaultLimit)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(limit);
        return With(Options with { CaptureLimit = limit });
    }

    /// <summary>
    /// Writes down all that comes to the enclave from outside, in virtual time, which this asks for: a failing test leaves the recording among its
    /// artefacts, and <c>enclave run --replay</c> runs it again, instruction by instruction. See <see cref="Enclave.SaveRecording"/>.
    /// </summary>
    public EnclaveBuilder WithRecording() => With(Options with { IsRecorded = true, Time = MachineTime.Virtual });

    /// <summary>Says where the engine logs.</summary>
    public EnclaveBuilder WithLogger(ILoggerFactory loggerFactory)
    {
        ArgumentNullException.ThrowIfNull(loggerFactory);
        return With(Options with { LoggerFactory = loggerFactory });
    }

    /// <summary>Runs a function when the parent's ports are open and before the enclave's first instruction.</summary>
    public EnclaveBuilder BeforeStart(Func<Enclave, CancellationToken, Task> hook)
    {
        ArgumentNullException.ThrowIfNull(hook);
        return With(Options with { BeforeStart = [.. Options.BeforeStart, hook] });
    }

    /// <summary>Runs a function when the enclave is ready, before <see cref="Enclave.StartAsync"/> returns.</summary>
    public EnclaveBuilder AfterStart(Func<Enclave, CancellationToken, Task> hook)
    {
        ArgumentNullException.ThrowIfNull(hook);
        return With(Options with { AfterStart = [.. Options.AfterStart, hook] });
    }

    /// <summary>Checks everything and gives an enclave that can be started.</summary>
    /// <exception cref="EnclaveConfigurationException">Something is missing or impossible.</exception>
    public Enclave Build()
    {
        var problems = new List<string>();
        if (Options.Image is null)
            problems.Add($"There is no image: call {nameof(WithImage)}.");
        else if (Options.Image.FindProblem() is { } problem)
            problems.Add(problem);
        if (Options.MemoryMiB is < 2 or > MaximumMemoryMiB)
            problems.Add($"{Options.MemoryMiB} MiB are no memory for an enclave: at least 2, at most {MaximumMemoryMiB}.");
        if (Options.Cpus is < 1 or > MpTable.MaximumCpus)
            problems.Add($"An enclave has 1 to {MpTable.MaximumCpus} vCPUs, not {Options.Cpus}.");
        if (new Cid(Options.Cid).WhyNotForGuests is { } cid)
            problems.Add(cid);
        foreach ((string name, string value) in Options.Environment)
        {
            if (name.AsSpan().ContainsAny("=\n\0") || value.AsSpan().ContainsAny('\n', '\0'))
                problems.Add($"{name}={value} is no environment variable: names have no equals sign, and neither has line breaks or zeroes.");
        }

        if (Options.IsRecorded && Options.Time != MachineTime.Virtual)
            problems.Add($"Only an enclave in virtual time can be recorded: {nameof(WithRecording)} and {nameof(WithTime)} contradict each other.");
        if (!Enum.IsDefined(Options.Accelerator))
            problems.Add($"There is no accelerator {Options.Accelerator}.");
        if (!Enum.IsDefined(Options.CpuTemplate))
            problems.Add($"There is no CPU template {Options.CpuTemplate}.");
        if (!IsTime(Options.StartupTimeout))
            problems.Add($"A startup timeout of {Options.StartupTimeout} is no time: more than zero, at most {LongestTimeout.Days} days.");
        if (!IsTime(Options.OperationTimeout))
            problems.Add($"An operation timeout of {Options.OperationTimeout} is no time: more than zero, at most {LongestTimeout.Days} days.");
        if (Options.SnapshotAfter?.SucceedsAtExit == true)
            problems.Add("An enclave that has ended cannot be saved.");
        ParentBuilder parent = BuildParent(problems);
        try
        {
            Options.Nsm?.Validate();
        }
        catch (ArgumentException exception)
        {
            problems.Add(exception.Message);
        }

        return problems.Count == 0 ? new Enclave(Options, parent) : throw new EnclaveConfigurationException(problems);
    }

    private ParentBuilder BuildParent(List<string> problems)
    {
        var parent = new ParentBuilder();
        foreach (Action<ParentBuilder> configure in Options.Parent)
        {
            try
            {
                configure(parent);
            }
            catch (ArgumentException exception)
            {
                problems.Add(exception.Message);
            }
        }

        problems.AddRange(parent.FindProblems());
        return parent;
    }

    private static bool IsTime(TimeSpan time) => time > TimeSpan.Zero && time <= LongestTimeout;

    private static EnclaveBuilder With(EnclaveOptions options) => new(options);
}
