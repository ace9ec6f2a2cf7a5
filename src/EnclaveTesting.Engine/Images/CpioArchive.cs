using System.IO.Compression;
using System.Text;

namespace EnclaveTesting.Engine.Images;

/// <summary>
/// A file tree to be packed as a ramdisk (initramfs) in cpio's newc form. Paths are relative to the root of the ramdisk, with or
/// without a leading slash; parent directories appear by themselves (mode 0755). Entries are written sorted by path with times of
/// zero and, unless said otherwise, owned by root, so that the same tree gives the same bytes on every host.
/// </summary>
public sealed class CpioArchive
{
    private const UnixFileMode DefaultFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode ExecuteModes = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
    private const UnixFileMode DefaultDirectoryMode = DefaultFileMode | ExecuteModes;
    private const UnixFileMode LinkMode = DefaultDirectoryMode | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
    private const UnixFileMode AllModes = (UnixFileMode)0xFFF;

    // Linux's PATH_MAX, which its unpacker enforces by skipping longer names silently.
    private const int MaxPathLength = 4096;

    private readonly SortedDictionary<string, CpioEntry> _entries = new(StringComparer.Ordinal);

    /// <summary>The paths in the archive, sorted, without leading slash.</summary>
    internal IReadOnlyCollection<string> Paths => _entries.Keys;

    /// <summary>Adds a directory, or sets the mode of one that is there.</summary>
    /// <exception cref="ArgumentException">The path is not acceptable, or something else has it.</exception>
    public CpioArchive AddDirectory(string path, UnixFileMode mode = DefaultDirectoryMode) => Add(path, new CpioEntry(CpioWriter.TypeDirectory | Bits(mode)));

    /// <summary>Adds a file with content from memory, which is not copied.</summary>
    /// <exception cref="ArgumentException">The path is not acceptable, or is taken.</exception>
    public CpioArchive AddFile(string path, ReadOnlyMemory<byte> content, UnixFileMode mode = DefaultFileMode) => Add(path, new CpioEntry(CpioWriter.TypeRegular | Bits(mode), content));

    /// <summary>Adds a file with text in UTF-8.</summary>
    /// <exception cref="ArgumentException">The path is not acceptable, or is taken.</exception>
    public CpioArchive AddFile(string path, string content, UnixFileMode mode = DefaultFileMode)
    {
        ArgumentNullException.ThrowIfNull(content);
        return AddFile(path, Encoding.UTF8.GetBytes(content), mode);
    }

    /// <summary>Adds a file whose content is read from the host when the archive is written.</summary>
    /// <param name="path">Path in the ramdisk.</param>
    /// <param name="hostPath">Path on the host.</param>
    /// <param name="mode">Permissions in the ramdisk.</param>
    /// <exception cref="ArgumentException">The path is not acceptable, or is taken.</exception>
    public CpioArchive AddHostFile(string path, string hostPath, UnixFileMode mode = DefaultFileMode)
    {
        ArgumentException.ThrowIfNullOrEmpty(hostPath);
        return Add(path, new CpioEntry(CpioWriter.TypeRegular | Bits(mode), HostPath: Path.GetFullPath(hostPath)));
    }

    /// <summary>Adds a symbolic link; the target is free text and need not exist.</summary>
    /// <exception cref="ArgumentException">The path is not acceptable, or is taken; the target is empty or too long.</exception>
    public CpioArchive AddSymbolicLink(string path, string target) => Add(path, Link(target));

    /// <summary>Adds a character device node, such as /dev/console (5, 1).</summary>
    /// <exception cref="ArgumentException">The path is not acceptable, or is taken.</exception>
    internal CpioArchive AddCharacterDevice(string path, int major, int minor, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite) =>
        AddDevice(CpioWriter.TypeCharacterDevice, path, major, minor, mode);

    /// <summary>Adds a block device node, such as /dev/ram0 (1, 0).</summary>
    /// <exception cref="ArgumentException">The path is not acceptable, or is taken.</exception>
    internal CpioArchive AddBlockDevice(string path, int major, int minor, UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite) =>
        AddDevice(CpioWriter.TypeBlockDevice, path, major, minor, mode);

    /// <summary>
    /// Adds what a directory of the host contains (files, directories, symbolic links, devices, FIFOs), replacing what is there already:
    /// permissions are kept where the host has them, owners become root. Contents are read when the archive is written.
    /// </summary>
    /// <param name="hostDirectory">The directory; it becomes <paramref name="path"/> itself.</param>
    /// <param name="path">Where in the ramdisk; empty for its root.</param>
    /// <exception cref="ArgumentException">A path is too long, or has something as a parent that is not a directory.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such directory.</exception>
    /// <exception cref="IOException">The directory contains something else, such as a socket, or cannot be read.</exception>
    public CpioArchive AddHostTree(string hostDirectory, string path = "")
    {
        ArgumentException.ThrowIfNullOrEmpty(hostDirectory);
        ArgumentNullException.ThrowIfNull(path);
        var root = new DirectoryInfo(hostDirectory);
        if (!root.Exists)
            throw new DirectoryNotFoundException($"There is no directory {root.FullName}.");
        AddHostDirectory(root, path.Trim('/'));
        return this;
    }

    /// <summary>
    /// Adds the entries of a tar archive, plain or compressed with gzip or zstd: files, directories, symbolic and hard links, devices, with
    /// permissions and numeric owners. Later entries replace earlier ones, as unpacking would. The contents are kept in memory.
    /// </summary>
    /// <param name="tar">The archive; need not be seekable.</param>
    /// <param name="path">Where in the ramdisk; empty for its root.</param>
    /// <exception cref="InvalidDataException">The archive is damaged, or an entry points outside of it.</exception>
    public CpioArchive AddTar(Stream tar, string path = "")
    {
        ArgumentNullException.ThrowIfNull(tar);
        ArgumentNullException.ThrowIfNull(path);
        TarImport.Into(this, tar, path);
        return this;
    }

    /// <summary>Writes the archive to a stream, which stays open.</summary>
    /// <param name="stream">The destination; need not be seekable.</param>
    /// <param name="compression">Kernels unpack gzip if they were built to; ours and AWS's are.</param>
    /// <exception cref="IOException">A file of the host cannot be read, or the stream fails.</exception>
    public void Write(Stream stream, RamdiskCompression compression = RamdiskCompression.None)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (compression == RamdiskCompression.Gzip)
        {
            using var gzip = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true);
            WritePlain(gzip);
        }
        else
        {
            WritePlain(stream);
        }
    }

    /// <summary>Writes the archive into memory.</summary>
    /// <exception cref="IOException">A file of the host cannot be read.</exception>
    public byte[] Build(RamdiskCompression compression = RamdiskCompression.None)
    {
        using var stream = new MemoryStream();
        Write(stream, compression);
        return stream.ToArray();
    }

    internal static uint Bits(UnixFileMode mode) => (uint)(mode & AllModes);

    internal static string Normalize(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        string result = string.Join('/', parts.Where(part => part != "."));
        if (result.Length == 0 || parts.Contains("..") || result.Contains('\0') || Encoding.UTF8.GetByteCount(result) >= MaxPathLength)
            throw new ArgumentException($"'{path}' is not a path inside a ramdisk: it is empty, contains '..' or a zero byte, or is too long.", nameof(path));
        return result;
    }

    internal CpioEntry? Find(string path) => _entries.GetValueOrDefault(Normalize(path));

    /// <summary>Adds or replaces an entry, and everything below a directory that something else replaces.</summary>
    internal void Replace(string path, CpioEntry entry)
    {
        string name = Normalize(path);
        if (!entry.IsDirectory && _entries.TryGetValue(name, out var present) && present.IsDirectory)
            RemoveBelow(name);
        AddParents(name);
        _entries[name] = entry;
    }

    /// <summary>Removes an entry and everything below it, if it is there.</summary>
    internal void Remove(string path)
    {
        _entries.Remove(Normalize(path));
        RemoveBelow(path);
    }

    /// <summary>Removes everything below a directory.</summary>
    internal void RemoveBelow(string path)
    {
        string name = Normalize(path);
        foreach (string below in _entries.Keys.Where(key => key.StartsWith(name + "/", StringComparison.Ordinal)).ToArray())
            _entries.Remove(below);
    }

    internal static CpioEntry Link(string target)
    {
        ArgumentException.ThrowIfNullOrEmpty(target);
        byte[] bytes = Encoding.UTF8.GetBytes(target);
        if (bytes.Length >= MaxPathLength || bytes.Contains((byte)0))
            throw new ArgumentException($"A link's target has no zero byte and less than {MaxPathLength} bytes.", nameof(target));
        return new CpioEntry(CpioWriter.TypeSymbolicLink | Bits(LinkMode), bytes);
    }

    private static UnixFileMode ModeOf(FileSystemInfo info, UnixFileMode otherwise) => OperatingSystem.IsWindows() ? otherwise : info.UnixFileMode;

    private void WritePlain(Stream stream)
    {
        var writer = new CpioWriter(stream);
        foreach (var (name, entry) in _entries)
            entry.WriteTo(writer, name);
        writer.Finish();
    }

    private CpioArchive AddDevice(uint type, string path, int major, int minor, UnixFileMode mode)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(major);
        ArgumentOutOfRangeException.ThrowIfNegative(minor);
        return Add(path, new CpioEntry(type | Bits(mode), DeviceMajor: (uint)major, DeviceMinor: (uint)minor));
    }

    private CpioArchive Add(string path, CpioEntry entry)
    {
        string name = Normalize(path);
        if (_entries.TryGetValue(name, out var present) && !(present.IsDirectory && entry.IsDirectory))
            throw new ArgumentException($"/{name} is in the ramdisk already.", nameof(path));
        AddParents(name);
        _entries[name] = entry;
        return this;
    }

    private void AddParents(string name)
    {
        for (int slash = name.IndexOf('/'); slash >= 0; slash = name.IndexOf('/', slash + 1))
        {
            string parent = name[..slash];
            if (!_entries.TryGetValue(parent, out var present))
                _entries[parent] = new CpioEntry(CpioWriter.TypeDirectory | Bits(DefaultDirectoryMode));
            else if (!present.IsDirectory)
                throw new ArgumentException($"/{name} cannot be added: /{parent} is not a directory.", nameof(name));
        }
    }

    private void AddHostDirectory(DirectoryInfo directory, string path)
    {
        if (path.Length > 0)
            Replace(path, new CpioEntry(CpioWriter.TypeDirectory | Bits(ModeOf(directory, DefaultDirectoryMode))));
        foreach (var child in directory.EnumerateFileSystemInfos())
        {
            string childPath = $"{path}/{child.Name}";
            if (child.LinkTarget is { } target)
                Replace(childPath, Link(target));
            else if (child is DirectoryInfo childDirectory)
                AddHostDirectory(childDirectory, childPath);
            else if (child is FileInfo { Length: 0 })
                Replace(childPath, TarImport.Inspect(child.FullName));
            else
                Replace(childPath, new CpioEntry(CpioWriter.TypeRegular | Bits(ModeOf(child, DefaultDirectoryMode)), HostPath: child.FullName));
        }
    }
}
