namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// Reads an image from a stream of unknown length. The header is judged before anything else is read, and the buffer grows with
/// the bytes that really came, so that a header that promises gigabytes costs nothing.
/// </summary>
internal sealed class EifStreamReader(string name, Stream stream)
{
    private const int FirstSize = 1024 * 1024;

    private byte[] _buffer = new byte[EifHeader.Size];
    private int _count;
    private int _wanted = EifHeader.Size;
    private bool _headerRead;

    public ReadOnlyMemory<byte> Read()
    {
        while (Next() is { Length: > 0 } free)
        {
            int read = stream.Read(free.Span);
            if (read == 0)
                break;
            _count += read;
        }

        return _buffer.AsMemory(0, _count);
    }

    public async Task<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellationToken)
    {
        while (Next() is { Length: > 0 } free)
        {
            int read = await stream.ReadAsync(free, cancellationToken).ConfigureAwait(false);
            if (read == 0)
                break;
            _count += read;
        }

        return _buffer.AsMemory(0, _count);
    }

    /// <summary>Where the next bytes go; empty when the image is complete.</summary>
    private Memory<byte> Next()
    {
        if (_count == _wanted && !_headerRead)
        {
            _headerRead = true;
            long extent = EifSectionTable.Extent(name, EifHeader.Parse(name, [.. _buffer]));
            if (extent > Array.MaxLength)
                throw new EifFormatException(name, EifHeader.SectionOffsetsOffset, "an image of less than 2 GiB in a stream", $"{extent} bytes; open it as a file");
            _wanted = (int)extent;
        }

        if (_count == _buffer.Length && _count < _wanted)
            Array.Resize(ref _buffer, (int)Math.Min(_wanted, Math.Max(FirstSize, 2L * _buffer.Length)));
        return _buffer.AsMemory(_count, Math.Min(_buffer.Length, _wanted) - _count);
    }
}
