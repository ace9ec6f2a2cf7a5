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

    // What init mounts something on; a container image need not have them.
    private static readonly string[] MountPoints = ["dev", "proc", "run", "sys", "tmp", "var"];

    /// <summary>The boot ramdisk: /init, /dev and perhaps /nsm.ko.</summary>
    /// <param name="init">A static executable that the kernel runs first.</param>
    /// <param name="nsmModule">The kernel module of the Nitro security module; not needed if the kernel has it built in.</param>
    public static CpioArchive CreateBoot(ReadOnlyMemory<byte> init, ReadOnlyMemory<byte>? nsmModule = null)
    {
        var archive = new CpioArchive().AddDirectory("dev").AddFile("init", init, Executable);
        return nsmModule is { } module ? archive.AddFile("nsm.ko", module, Executable) : archive;
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
