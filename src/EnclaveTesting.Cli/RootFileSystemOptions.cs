using System.CommandLine;
using System.CommandLine.Parsing;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Images;

namespace EnclaveTesting.Cli;

/// <summary>The options of <c>enclave build</c> that make ramdisks from a root file system.</summary>
internal sealed class RootFileSystemOptions
{
    private const string MountPoint = "rootfs";

    private readonly Option<string?> _root = new("--root") { Description = "The application's root file system: a directory, or a tar archive (plain or gzip)." };
    private readonly Option<string?> _init = new("--init") { Description = "With --root: the static executable that boots, AWS's init or one like it." };
    private readonly Option<string?> _nsmModule = new("--nsm-module") { Description = "With --root: nsm.ko, if the kernel's driver for the security module is not built in." };
    private readonly Option<string[]> _command = new("--command") { Description = "With --root: the command to run and, repeated, its arguments." };
    private readonly Option<string[]> _environment = new("--env") { Description = "With --root: NAME=value for the command; repeat for more." };
    private readonly Option<bool> _gzip = new("--gzip") { Description = "With --root: compress the ramdisks." };

    public void AddTo(Command command)
    {
        Option[] dependent = [_init, _nsmModule, _command, _environment, _gzip];
        command.Options.Add(_root);
        foreach (var option in dependent)
            command.Options.Add(option);
        command.Validators.Add(result =>
        {
            if (IsGiven(result) && (result.GetResult(_init) is null || result.GetResult(_command) is null))
                result.AddError("--root needs --init and --command.");
            else if (!IsGiven(result) && Array.Find(dependent, option => result.GetResult(option) is { Implicit: false }) is { } stray)
                result.AddError($"{stray.Name} goes with --root only.");
        });
    }

    public bool IsGiven(CommandResult result) => result.GetResult(_root) is not null;

    /// <summary>Adds the two ramdisks, if a root file system is given.</summary>
    public async Task<EifBuilder> ApplyAsync(EifBuilder builder, ParseResult arguments, CancellationToken cancellationToken)
    {
        if (arguments.GetValue(_root) is not { } root)
            return builder;
        byte[] init = await File.ReadAllBytesAsync(arguments.GetRequiredValue(_init)!, cancellationToken).ConfigureAwait(false);
        ReadOnlyMemory<byte>? module = arguments.GetValue(_nsmModule) is { } path ? await File.ReadAllBytesAsync(path, cancellationToken).ConfigureAwait(false) : null;
        var compression = arguments.GetValue(_gzip) ? RamdiskCompression.Gzip : RamdiskCompression.None;
        var application = NitroRamdisks.CreateApplication(arguments.GetValue(_command) ?? [], arguments.GetValue(_environment) ?? []);
        try
        {
            if (Directory.Exists(root))
            {
                application.AddHostTree(root, MountPoint);
            }
            else
            {
                using var tar = File.OpenRead(root);
                application.AddTar(tar, MountPoint);
            }
        }
        catch (InvalidDataException exception)
        {
            throw new CommandException(ExitCode.BadImage, $"{root}: {exception.Message}", exception);
        }

        return builder
            .AddRamdisk(NitroRamdisks.CreateBoot(init, module).Build(compression))
            .AddRamdisk(application.Build(compression));
    }
}
