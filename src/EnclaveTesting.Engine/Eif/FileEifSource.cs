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
    private readonly SafeFileHandle _file;

    private readonly bool _isImage;

    /// <param name="path">The file.</param>
    /// <param name="isImage">Whether the file is an image, or an input of the builder; says what a truncation is reported as.</param>
    public FileEifSource(string path, bool isImage = true)
        : base(path)
    {
        _isImage = isImage;
        _file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.RandomAccess);
        try
        {
            Length = RandomAccess.GetLength(_file);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public override long Length { get; }

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
            int read = RandomAccess.Read(_file, destination, offset);
            if (read == 0)
                throw Truncated(offset, destination.Length);
            offset += read;
            destination = destination[read..];
        }
    }

    protected override void Release() => _file.Dispose();

    private Exception Truncated(long offset, int missing)
    {
        string found = $"the end of the file: it was truncated since it was opened, from {Length} to {RandomAccess.GetLength(_file)} bytes";
        return _isImage
            ? new EifFormatException(Name, offset, $"{missing} more bytes", found)
            : new IOException($"{Name}: expected {missing} more bytes at offset {offset}, found {found}.");
    }
}
