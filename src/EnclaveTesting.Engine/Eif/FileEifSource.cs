using Microsoft.Win32.SafeHandles;

namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// An image in a file, read by position and not mapped. A mapping would save nothing (every byte is hashed and then copied
/// into guest memory anyway) and has a price: when somebody rebuilds the file in place while a test runs, touching a page
/// beyond its new end is SIGBUS, which kills the test process; and a span into a mapping outlives the mapping's disposal.
/// Reading by position turns both into ordinary exceptions.
/// </summary>
internal sealed class FileEifSource : EifSource
{
    private readonly FileStream _stream;
    private readonly bool _isImage;

    private FileEifSource(string path, FileStream stream, bool isImage)
        : base(path)
    {
        _stream = stream;
        _isImage = isImage;
        Length = RandomAccess.GetLength(stream.SafeFileHandle);
    }

    public override long Length { get; }

    /// <summary>Opens a file; what has no positions, such as a pipe, is read into memory instead.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isImage">Whether the file is an image, or an input of the builder; says what a truncation is reported as.</param>
    public static EifSource Open(string path, bool isImage)
    {
        // Opening one is said to be a matter of permission.
        if (Directory.Exists(path))
            throw new IOException($"{path} is a directory, not {(isImage ? "an enclave image" : "a file")}.");
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0, FileOptions.RandomAccess);
        try
        {
            if (stream.CanSeek)
                return new FileEifSource(path, stream, isImage);
            var bytes = isImage ? new EifStreamReader(path, stream).Read() : ReadAll(stream);
            stream.Dispose();
            return new MemoryEifSource(path, bytes);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    public override EifFileIdentity? FindIdentity()
    {
        ThrowIfDisposed();
        SafeFileHandle file = _stream.SafeFileHandle;
        return new EifFileIdentity(_stream.Name, RandomAccess.GetLength(file), File.GetLastWriteTimeUtc(file), File.GetCreationTimeUtc(file));
    }

    public override ReadOnlyMemory<byte> Slice(long offset, int length)
    {
        var bytes = new byte[length];
        ReadExactly(offset, bytes);
        return bytes;
    }

    public override void ReadExactly(long offset, Span<byte> destination)
    {
        ThrowIfDisposed();
        while (!destination.IsEmpty)
        {
            int read = RandomAccess.Read(_stream.SafeFileHandle, destination, offset);
            if (read == 0)
                throw Truncated(offset, destination.Length);
            offset += read;
            destination = destination[read..];
        }
    }

    protected override void Release() => _stream.Dispose();

    private static ReadOnlyMemory<byte> ReadAll(Stream stream)
    {
        using var content = new MemoryStream();
        stream.CopyTo(content);
        return content.ToArray();
    }

    private Exception Truncated(long offset, int missing)
    {
        string found = $"the end of the file: it was truncated since it was opened, from {Length} to {RandomAccess.GetLength(_stream.SafeFileHandle)} bytes";
        return _isImage
            ? new EifFormatException(Name, offset, $"{missing} more bytes", found)
            : new IOException($"{Name}: expected {missing} more bytes at offset {offset}, found {found}.");
    }
}
