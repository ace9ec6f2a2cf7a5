using System.Text;

namespace EnclaveTesting.Engine.Images;

/// <summary>
/// The two ramdisks of nitro-cli's images. The first boots: AWS's init (or one like it) and perhaps the driver of the security
/// module. The second is the application: its root file system below /rootfs, its command and its environment.
/// </summary>
public static class NitroRamdisks
{
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    private const string ModuleDirectory = "lib/modules";

    // What init mounts something on; a container image need not have them.
    private static readonly string[] MountPoints = ["dev", "proc", "run", "sys", "tmp", "var"];

    /// <summary>The boot ramdisk: /init, /dev and perhaps kernel modules.</summary>
    /// <param name="init">A static executable that the kernel runs first.</param>
    /// <param name="nsmModule">The kernel module of the Nitro security module; not needed if the kernel has it built in.</param>
    /// <param name="modules">
    /// Files of other modules in the order in which to load them (the guest kit's init does; AWS's would not), for kernels that have virtio
    /// and vsock as modules. They may be compressed if the kernel can decompress them.
    /// </param>
    public static CpioArchive CreateBoot(ReadOnlyMemory<byte> init, ReadOnlyMemory<byte>? nsmModule = null, IReadOnlyCollection<string>? modules = null)
    {
        var archive = new CpioArchive().AddDirectory("dev").AddFile("init", init, Executable);
        if (nsmModule is { } module)
            archive.AddFile("nsm.ko", module, Executable);
        if (modules is not { Count: > 0 })
            return archive;

        archive.AddDirectory("lib").AddDirectory(ModuleDirectory);
        var paths = new List<string>();
        foreach (string file in modules)
        {
            string path = $"{ModuleDirectory}/{Path.GetFileName(file)}";
            archive.AddFile(path, File.ReadAllBytes(file));
            paths.Add("/" + path);
        }

        return archive.AddFile("modules", Lines(paths, nameof(modules)));
    }

    /// <summary>The application ramdisk: /cmd, /env and /rootfs with the mount points init needs; the caller adds the rest below /rootfs.</summary>
    /// <param name="command">The command and its arguments.</param>
    /// <param name="environment">Entries NAME=value.</param>
    /// <exception cref="ArgumentException">The command is empty, or an entry contains a line break.</exception>
    public static CpioArchive CreateApplication(IReadOnlyCollection<string> command, IReadOnlyCollection<string> environment)
    {
        ArgumentNullException.ThrowIfNull(command);
        ArgumentNullException.ThrowIfNull(environment);
        if (command.Count == 0)
            throw new ArgumentException("An enclave needs a command to run.", nameof(command));
        var archive = new CpioArchive()
            .AddFile("cmd", Lines(command, nameof(command)))
            .AddFile("env", Lines(environment, nameof(environment)));
        foreach (string directory in MountPoints)
            archive.AddDirectory("rootfs/" + directory);
        return archive;
    }

    /// <summary>One entry per line, as init reads them.</summary>
    private static ReadOnlyMemory<byte> Lines(IEnumerable<string> entries, string parameter)
    {
        var text = new StringBuilder();
        foreach (string entry in entries)
        {
            if (entry.AsSpan().ContainsAny('\n', '\0'))
                throw new ArgumentException($"'{entry}' contains a line break or a zero byte, which the file of the ramdisk cannot express.", parameter);
            text.Append(entry).Append('\n');
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }
}
