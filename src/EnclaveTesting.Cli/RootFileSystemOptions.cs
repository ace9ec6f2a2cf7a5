using System.CommandLine;
using System.CommandLine.Parsing;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Cli;

/// <summary>The options of <c>enclave build</c> that make ramdisks from a root file system.</summary>
internal sealed class RootFileSystemOptions
{
    private const string MountPoint = "rootfs";

    private readonly Option<string?> _root = new("--root") { Description = "The application's root file system: a directory, or a tar archive (plain, gzip or zstd)." };
    private readonly Option<string?> _oci = new("--oci") { Description = "The application as a container image: a directory or tar archive with an OCI layout, or what 'docker save' or 'podman save' wrote." };
    private readonly Option<string?> _init = new("--init") { Description = "With --root or --oci: the static executable that boots, AWS's init or one like it. By default the guest kit's, for x86_64." };
    private readonly Option<string?> _nsmModule = new("--nsm-module") { Description = "With --root or --oci: nsm.ko, if the kernel's driver for the security module is not built in." };
    private readonly Option<string[]> _modules = new("--module") { Description = "With --root or --oci: a kernel module that the guest kit's init loads before all else; repeat for more, in that order." };
    private readonly Option<string[]> _command = new("--command") { Description = "With --root or --oci: the command to run and, repeated, its arguments; by default that of the container image." };
    private readonly Option<string[]> _environment = new("--env") { Description = "With --root or --oci: NAME=value for the command, after those of the container image; repeat for more." };
    private readonly Option<bool> _gzip = new("--gzip") { Description = "With --root or --oci: compress the ramdisks." };

    public void AddTo(Command command)
    {
        Option[] dependent = [_init, _nsmModule, _modules, _command, _environment, _gzip];
        command.Options.Add(_root);
        command.Options.Add(_oci);
        foreach (var option in dependent)
            command.Options.Add(option);
        command.Validators.Add(result =>
        {
            bool root = result.GetResult(_root) is not null;
            if (root && result.GetResult(_oci) is not null)
                result.AddError("Give either --root or --oci.");
            else if (root && result.GetResult(_command) is null)
                result.AddError("--root needs --command.");
            else if (!IsGiven(result) && Array.Find(dependent, option => result.GetResult(option) is { Implicit: false }) is { } stray)
                result.AddError($"{stray.Name} goes with --root or --oci only.");
        });
    }

    public bool IsGiven(CommandResult result) => result.GetResult(_root) is not null || result.GetResult(_oci) is not null;

    /// <summary>True if the boot ramdisk takes the guest kit's init.</summary>
    public bool UsesGuestKit(ParseResult arguments) => IsGiven(arguments.CommandResult) && arguments.GetValue(_init) is null;

    /// <summary>Adds the two ramdisks, if a root file system is given.</summary>
    public async Task<EifBuilder> ApplyAsync(EifBuilder builder, EifArchitecture architecture, ParseResult arguments, CancellationToken cancellationToken)
    {
        string? source = arguments.GetValue(_root) ?? arguments.GetValue(_oci);
        if (source is null)
            return builder;
        var init = arguments.GetValue(_init) is { } file ? await File.ReadAllBytesAsync(file, cancellationToken).ConfigureAwait(false) : GuestKit.Init;
        ReadOnlyMemory<byte>? module = arguments.GetValue(_nsmModule) is { } path ? await File.ReadAllBytesAsync(path, cancellationToken).ConfigureAwait(false) : (ReadOnlyMemory<byte>?)null;
        var compression = arguments.GetValue(_gzip) ? RamdiskCompression.Gzip : RamdiskCompression.None;
        try
        {
            var application = arguments.GetValue(_oci) is null ? FromRoot(source, arguments) : FromImage(source, architecture, arguments);
            return builder
                .AddRamdisk(NitroRamdisks.CreateBoot(init, module, arguments.GetValue(_modules)).Build(compression))
                .AddRamdisk(application.Build(compression));
        }
        catch (InvalidDataException exception)
        {
            throw new CommandException(ExitCode.BadImage, exception.Message, exception);
        }
    }

    private CpioArchive FromRoot(string root, ParseResult arguments)
    {
        var application = NitroRamdisks.CreateApplication(arguments.GetValue(_command) ?? [], arguments.GetValue(_environment) ?? []);
        if (Directory.Exists(root))
            return application.AddHostTree(root, MountPoint);
        using var tar = File.OpenRead(root);
        try
        {
            return application.AddTar(tar, MountPoint);
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"{root}: {exception.Message}", exception);
        }
    }

    private CpioArchive FromImage(string path, EifArchitecture architecture, ParseResult arguments)
    {
        using var image = ContainerImage.Open(path, architecture == EifArchitecture.Aarch64 ? "arm64" : "amd64");
        string[] command = arguments.GetValue(_command) is { Length: > 0 } given ? given : [.. image.Command];
        if (command.Length == 0)
            throw new CommandException(ExitCode.Usage, $"{path} names no command; give one with --command.");
        var application = NitroRamdisks.CreateApplication(command, [.. image.Environment, .. arguments.GetValue(_environment) ?? []]);
        image.AddTo(application, MountPoint);
        return application;
    }
}
