using System.Formats.Tar;

namespace EnclaveTesting.Engine.Images;

/// <summary>
/// The files of a container image, by their path in it: a directory, or a tar archive whose entries are read in place, so that
/// an archive of gigabytes is not copied.
/// </summary>
internal sealed class BlobStore : IDisposable
{
    private readonly string _path;
    private readonly FileStream? _tar;
    private readonly Dictionary<string, (long Offset, long Length)> _entries = new(StringComparer.Ordinal);

    public BlobStore(string path)
    {
        _path = path;
        if (Directory.Exists(path))
            return;
        _tar = File.OpenRead(path);
        try
        {
            ReadIndex(_tar);
        }
        catch (Exception exception) when (exception is FormatException or EndOfStreamException or InvalidDataException)
        {
            _tar.Dispose();
            throw new InvalidDataException($"{path} is neither a directory nor a tar archive: {exception.Message}", exception);
        }
    }

    public bool Contains(string name) => _tar is null ? File.Exists(HostPath(name)) : _entries.ContainsKey(name);

    /// <summary>Opens a file of the image.</summary>
    /// <exception cref="InvalidDataException">There is no such file.</exception>
    public Stream Open(string name)
    {
        if (!Contains(name))
            throw new InvalidDataException($"{_path} has no file {name}.");
        if (_tar is null)
            return File.OpenRead(HostPath(name));
        var (offset, length) = _entries[name];
        return new SliceStream(_tar.SafeFileHandle, offset, length);
    }

    /// <summary>Reads a small file, such as a manifest.</summary>
    /// <exception cref="InvalidDataException">There is no such file, or it is longer than <paramref name="limit"/> bytes.</exception>
    public byte[] ReadAll(string name, int limit)
    {
        using var stream = Open(name);
        if (stream.Length > limit)
            throw new InvalidDataException($"{_path}: {name} has {stream.Length} bytes, more than the {limit} that are reasonable.");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    public void Dispose() => _tar?.Dispose();

    private void ReadIndex(FileStream tar)
    {
        using var reader = new TarReader(tar, leaveOpen: true);
        while (reader.GetNextEntry() is { } entry)
        {
            if (entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile)
                _entries[entry.Name.StartsWith("./", StringComparison.Ordinal) ? entry.Name[2..] : entry.Name] = (entry.DataOffset, entry.Length);
        }
    }

    /// <summary>Names come from the image: they must not lead out of its directory.</summary>
    private string HostPath(string name) => name.Split('/').Contains("..") || Path.IsPathRooted(name)
        ? throw new InvalidDataException($"{_path}: '{name}' is not a path inside the image.")
        : Path.Combine(_path, name);
}
