using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Cli;

/// <summary><c>enclave run</c>: boots an image with a parent that answers the heartbeat; the console is standard output.</summary>
internal sealed class RunCommand
{
    private const long MostMemoryMiB = 1L << 22;
    private const double MostSeconds = 30 * 24 * 3600;

    private readonly CommandContext _context;
    private readonly Argument<string> _image = new("image") { Description = "Path of the enclave image (EIF)." };
    private readonly Option<long?> _memory = new("--memory") { Description = "Memory in MiB; by default what the image asks for.", CustomParser = NumberParser.OfOptional<long>(value => value is >= 2 and <= MostMemoryMiB, $"--memory wants 2 to {MostMemoryMiB} MiB.") };
    private readonly Option<int?> _cpus = new("--cpus") { Description = "vCPUs, 1 to 32; by default what the image asks for.", CustomParser = NumberParser.OfOptional<int>(value => value is >= 1 and <= MpTable.MaximumCpus, $"--cpus wants 1 to {MpTable.MaximumCpus}.") };
    private readonly Option<uint> _cid = new("--cid") { Description = "The enclave's CID, 4 or higher.", DefaultValueFactory = _ => Cid.DefaultEnclave.Value, CustomParser = ParseCid };
    private readonly Option<Accelerator> _accelerator = new("--accelerator") { Description = "What executes the guest: auto, kvm or software.", CustomParser = ParseAccelerator };
    private readonly Option<CpuTemplate> _cpuTemplate = new("--cpu-template") { Description = "The processor that the guest sees: host (what the accelerator has), or the same on every host: baseline, v2 or v3 (the levels of x86-64).", CustomParser = ParseCpuTemplate };
    private readonly Option<bool> _acpi = new("--acpi") { Description = "Announce the devices by ACPI tables, as kernels of distributions want it, instead of on the kernel's command line." };
    private readonly Option<bool?> _decompress = new("--decompress") { Description = "true: the host unpacks a packed kernel and ramdisks; false: the guest's kernel does. By default true for the software CPU only." };
    private readonly Option<string?> _commandLine = new("--cmdline") { Description = "Text appended to the image's kernel command line." };
    private readonly Option<string?> _initrd = new("--initrd") { Description = "File appended to the image's ramdisks." };
    private readonly Option<string> _until = new("--until") { Description = "When the run is over: exit (the enclave ended by itself), heartbeat, or a text of the console. The enclave is stopped then.", DefaultValueFactory = _ => RunOptions.UntilExit };
    private readonly Option<double?> _timeout = new("--timeout") { Description = "Seconds to wait for that; by default for ever.", CustomParser = NumberParser.OfOptional<double>(value => value is > 0 and <= MostSeconds, "--timeout wants a positive number of seconds.") };
    private readonly Option<PortForward[]> _forwards = new("--forward") { Description = "PORT:HOST:PORT passes connections of the enclave to the parent's PORT (CID 3) on to a TCP port; repeat for more. Other ports are closed, except 9000, the heartbeat's.", CustomParser = ParseForwards };
    private readonly Option<bool> _json = new("--json") { Description = "Print one line of JSON after the console: accelerator, times in ms, exit reason." };

    private readonly Option<string?> _record = new("--record") { Description = "File to record the run in, on the software CPU in virtual time: --replay runs it again." };
    private readonly Option<string?> _replay = new("--replay") { Description = "Recording to run again, instruction by instruction, without a parent: what came from it is in the file, and so are memory, vCPUs and the rest." };

    private RunCommand(CommandContext context) => _context = context;

    public static Command Create(CommandContext context)
    {
        var self = new RunCommand(context);
        var command = new Command("run", $"""
            Boot an enclave image and print its console.

            The parent answers the heartbeat on port 9000. The console goes to standard output as it comes, everything else to standard error.
            An enclave that resets or halts has ended well; a panic, a triple fault or a hypervisor error has not.

            {ExitCode.Help}
            """)
        {
            self._image, self._memory, self._cpus, self._cid, self._accelerator, self._cpuTemplate, self._acpi, self._decompress, self._commandLine, self._initrd, self._until, self._timeout, self._forwards, self._json, self._record, self._replay,
        };
        self._until.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value.Length: 0 }])
                result.AddError("--until wants heartbeat, exit or a text.");
        });
        self._replay.Validators.Add(result =>
        {
            Option[] contradicting = [self._memory, self._cpus, self._cid, self._accelerator, self._cpuTemplate, self._acpi, self._decompress, self._commandLine, self._initrd, self._until, self._forwards, self._record];
            foreach (var option in contradicting)
            {
                if (result.GetResult(option) is { Implicit: false })
                    result.AddError($"--replay and {option.Name} cannot be given together: all that is in the recording.");
            }
        });
        command.SetAction(self.RunAsync);
        return command;
    }

    private static uint ParseCid(ArgumentResult result)
    {
        if (!uint.TryParse(result.Tokens[0].Value, NumberStyles.None, CultureInfo.InvariantCulture, out uint cid))
            result.AddError("--cid wants a number.");
        else if (new Cid(cid).WhyNotForGuests is { } problem)
            result.AddError($"--cid: {problem}");
        return cid;
    }

    private static Accelerator ParseAccelerator(ArgumentResult result)
    {
        switch (result.Tokens[0].Value)
        {
            case "auto":
                return Accelerator.Auto;
            case "kvm":
                return Accelerator.Kvm;
            case "software":
                return Accelerator.Software;
            default:
                result.AddError("--accelerator wants auto, kvm or software.");
                return default;
        }
    }

    private static CpuTemplate ParseCpuTemplate(ArgumentResult result)
    {
        switch (result.Tokens[0].Value)
        {
            case "host":
                return CpuTemplate.Host;
            case "baseline":
                return CpuTemplate.Baseline;
            case "v2":
                return CpuTemplate.V2;
            case "v3":
                return CpuTemplate.V3;
            default:
                result.AddError("--cpu-template wants host, baseline, v2 or v3.");
                return default;
        }
    }

    private static PortForward[] ParseForwards(ArgumentResult result)
    {
        var forwards = new List<PortForward>();
        foreach (var token in result.Tokens)
        {
            if (PortForward.TryParse(token.Value) is not { } forward)
                result.AddError($"--forward wants PORT:HOST:PORT, such as 8000:127.0.0.1:4566, not \"{token.Value}\".");
            else if (forward.ParentPort == HeartbeatPort.Port)
                result.AddError($"--forward: port {HeartbeatPort.Port} is the heartbeat's.");
            else if (forwards.Exists(other => other.ParentPort == forward.ParentPort))
                result.AddError($"--forward: port {forward.ParentPort} goes to one place only.");
            else
                forwards.Add(forward);
        }

        return [.. forwards];
    }

    private Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken) => new RunSession(_context, new RunOptions
    {
        Image = arguments.GetRequiredValue(_image),
        MemoryMiB = arguments.GetValue(_memory),
        Cpus = arguments.GetValue(_cpus),
        Cid = arguments.GetValue(_cid),
        Accelerator = arguments.GetValue(_accelerator),
        CpuTemplate = arguments.GetValue(_cpuTemplate),
        Acpi = arguments.GetValue(_acpi),
        Decompress = arguments.GetValue(_decompress),
        CommandLine = arguments.GetValue(_commandLine),
        Initrd = arguments.GetValue(_initrd),
        Until = arguments.GetValue(_until)!,
        Timeout = arguments.GetValue(_timeout) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
        Forwards = arguments.GetValue(_forwards) ?? [],
        Json = arguments.GetValue(_json),
        Record = arguments.GetValue(_record),
        Replay = arguments.GetValue(_replay),
    }).RunAsync(cancellationToken);
}
