using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text;
using System.Text.Json;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Cli;

/// <summary><c>enclave build</c>: an image from a kernel and ramdisks, or from a kernel, an init and a root file system.</summary>
internal sealed class BuildCommand
{
    private const long BytesPerMebibyte = 1024 * 1024;

    private readonly CommandContext _context;
    private readonly Option<string?> _kernel = new("--kernel") { Description = "The kernel: a bzImage or ELF file (x86_64), an Image (aarch64). By default the guest kit's, for x86_64." };
    private readonly Option<string> _commandLine = new("--cmdline") { Description = "The kernel command line.", DefaultValueFactory = _ => EifBuilder.DefaultCommandLine };
    private readonly Option<string[]> _ramdisks = new("--ramdisk") { Description = "A ramdisk; repeat for more. The first is the boot ramdisk (PCR1), the others are the application (PCR2)." };
    private readonly RootFileSystemOptions _root = new();
    private readonly Option<EifArchitecture> _architecture = new("--arch") { Description = "x86_64 or aarch64.", CustomParser = ParseArchitecture, DefaultValueFactory = _ => EifArchitecture.X86_64 };
    private readonly Option<long> _memory = new("--memory") { Description = "Default memory in MiB.", DefaultValueFactory = _ => EifBuilder.DefaultMemory / BytesPerMebibyte, CustomParser = Positive("--memory") };
    private readonly Option<long> _cpus = new("--cpus") { Description = "Default number of vCPUs.", DefaultValueFactory = _ => EifBuilder.DefaultCpus, CustomParser = Positive("--cpus") };
    private readonly Option<string?> _name = new("--name") { Description = "Name of the image; by default that of the output file." };
    private readonly Option<string> _version = new("--version") { Description = "Version of the image.", DefaultValueFactory = _ => "1.0" };
    private readonly Option<string?> _metadata = new("--metadata") { Description = "Your own metadata: a JSON object, or the path of a file with one." };
    private readonly Option<DateTimeOffset> _buildTime = new("--build-time") { Description = "Time noted in the image. By default SOURCE_DATE_EPOCH or else 1970, so that the same inputs give the same bytes.", DefaultValueFactory = _ => SourceDate() };
    private readonly Option<string?> _kernelVersion = new("--kernel-version") { Description = "Kernel version noted in the image; by default that of the guest kit's kernel, or Unknown for another." };
    private readonly SigningOptions _signing = new(required: false);
    private readonly Option<string> _output = new("--output", "-o") { Description = "The image to write.", Required = true };

    private BuildCommand(CommandContext context) => _context = context;

    public static Command Create(CommandContext context)
    {
        var self = new BuildCommand(context);
        var command = new Command("build", $"""
            Build an enclave image and print its measurements as nitro-cli does.

            Either from ramdisks (--ramdisk), or from a root file system (--root) or container image (--oci), of which the two ramdisks of nitro-cli's shape are made. Kernel and init are the guest kit's unless given.

            {ExitCode.Help}
            """)
        {
            self._kernel, self._commandLine, self._ramdisks,
        };
        self._root.AddTo(command);
        foreach (var option in (Option[])[self._architecture, self._memory, self._cpus, self._name, self._version, self._metadata, self._buildTime, self._kernelVersion])
            command.Options.Add(option);
        self._signing.AddTo(command);
        command.Options.Add(self._output);
        command.Validators.Add(result =>
        {
            if (result.GetResult(self._ramdisks) is not null == self._root.IsGiven(result))
                result.AddError("Give either --ramdisk, or --root or --oci.");
        });
        command.SetAction(self.RunAsync);
        return command;
    }

    private static Func<ArgumentResult, long> Positive(string option) =>
        NumberParser.Of<long>(value => value is >= 1 and <= long.MaxValue / BytesPerMebibyte, $"{option} wants a positive number.");

    private static EifArchitecture ParseArchitecture(ArgumentResult result)
    {
        switch (result.Tokens[0].Value)
        {
            case "x86_64" or "amd64":
                return EifArchitecture.X86_64;
            case "aarch64" or "arm64":
                return EifArchitecture.Aarch64;
            default:
                result.AddError("--arch wants x86_64 or aarch64.");
                return default;
        }
    }

    private static DateTimeOffset SourceDate() =>
        long.TryParse(Environment.GetEnvironmentVariable("SOURCE_DATE_EPOCH"), NumberStyles.None, CultureInfo.InvariantCulture, out long seconds)
        && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : DateTimeOffset.UnixEpoch;

    private async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        string output = arguments.GetRequiredValue(_output);
        bool usesGuestKit = arguments.GetValue(_kernel) is null || _root.UsesGuestKit(arguments);
        if (usesGuestKit && arguments.GetValue(_architecture) != EifArchitecture.X86_64)
            throw new CommandException(ExitCode.Usage, "The guest kit is for x86_64: for another architecture give --kernel and --init.");
        try
        {
            var builder = new EifBuilder()
                .WithArchitecture(arguments.GetValue(_architecture))
                .WithCommandLine(arguments.GetRequiredValue(_commandLine))
                .WithDefaultMemory(arguments.GetValue(_memory) * BytesPerMebibyte)
                .WithDefaultCpus(arguments.GetValue(_cpus))
                .WithMetadata(await MetadataAsync(arguments, cancellationToken).ConfigureAwait(false));
            builder = arguments.GetValue(_kernel) is { } kernel ? builder.WithKernel(kernel) : builder.WithKernel(GuestKit.Kernel);
            builder = (arguments.GetValue(_ramdisks) ?? []).Aggregate(builder, (it, path) => it.AddRamdisk(path));
            builder = await _root.ApplyAsync(builder, arguments.GetValue(_architecture), arguments, cancellationToken).ConfigureAwait(false);
            builder = await _signing.ApplyAsync(builder, arguments, cancellationToken).ConfigureAwait(false);
            var measurements = await OutputFile.WriteAsync(output, builder, cancellationToken).ConfigureAwait(false);
            await _context.Output.WriteLineAsync(ImageDescription.MeasurementsToJson(measurements)).ConfigureAwait(false);
            return ExitCode.Ok;
        }
        catch (Exception exception) when (exception is ArgumentException or InvalidOperationException)
        {
            throw new CommandException(ExitCode.Usage, exception.Message, exception);
        }
    }

    private async Task<EifMetadata> MetadataAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        string name = arguments.GetValue(_name) ?? Path.GetFileNameWithoutExtension(arguments.GetRequiredValue(_output));
        string tool = typeof(BuildCommand).Assembly.GetName().Version?.ToString(3) ?? "";
        var build = new EifBuildMetadata(
            arguments.GetValue(_buildTime).ToUniversalTime().ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture),
            "enclave",
            tool,
            "Linux",
            arguments.GetValue(_kernelVersion) ?? (arguments.GetValue(_kernel) is null ? GuestKit.KernelVersion : "Unknown"));
        return new EifMetadata(name, arguments.GetRequiredValue(_version), build, CustomMetadata: await CustomMetadataAsync(arguments.GetValue(_metadata), cancellationToken).ConfigureAwait(false));
    }

    private static async Task<string?> CustomMetadataAsync(string? value, CancellationToken cancellationToken)
    {
        if (value is null)
            return null;
        string json = value.TrimStart().StartsWith('{') ? value : await File.ReadAllTextAsync(value, Encoding.UTF8, cancellationToken).ConfigureAwait(false);
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.GetRawText()
                : throw new CommandException(ExitCode.Usage, $"--metadata wants a JSON object, not {document.RootElement.ValueKind}.");
        }
        catch (JsonException exception)
        {
            throw new CommandException(ExitCode.Usage, $"--metadata is not valid JSON: {exception.Message}", exception);
        }
    }
}
