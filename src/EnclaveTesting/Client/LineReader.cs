using System.Text;

namespace EnclaveTesting;

/// <summary>Reads bytes and lines from a connection, keeping what came too early.</summary>
/// <param name="stream">The connection.</param>
/// <param name="received">Sees all bytes as they come.</param>
internal sealed class LineReader(Stream stream, Action<ReadOnlySpan<byte>>? received = null)
{
    /// <summary>A line longer than this is a mistake of the other side.</summary>
    public const int LongestLine = 16 * 1024 * 1024;

    private byte[] _buffer = new byte[4096];
    private int _start, _end;

    /// <summary>What has been received so far.</summary>
    public Transcript Received { get; } = new();

    private ReadOnlySpan<byte> Available => _buffer.AsSpan(_start, _end - _start);

    /// <summary>Waits for the next byte without taking it; false at the end.</summary>
    public async Task<bool> HasMoreAsync(CancellationToken cancellationToken) => !Available.IsEmpty || await FillAsync(cancellationToken).ConfigureAwait(false);

    /// <summary>At least one byte, or 0 at the end.</summary>
    public async Task<int> ReadAsync(Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (Available.IsEmpty && !await FillAsync(cancellationToken).ConfigureAwait(false))
            return 0;
        int count = Math.Min(destination.Length, Available.Length);
        Available[..count].CopyTo(destination.Span);
        _start += count;
        return count;
    }

    public async Task<byte[]> ReadExactlyAsync(int count, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        while (Available.Length < count)
        {
            if (!await FillAsync(cancellationToken).ConfigureAwait(false))
                throw new EndOfStreamException($"The connection ended after {Available.Length} of {count} bytes.");
        }

        byte[] bytes = Available[..count].ToArray();
        _start += count;
        return bytes;
    }

    /// <summary>A line without its end; null at the end of the connection. A last line without an end counts.</summary>
    public async Task<string?> ReadLineAsync(CancellationToken cancellationToken)
    {
        int searched = 0;
        while (true)
        {
            int end = Available[searched..].IndexOf((byte)'\n');
            if (end >= 0)
                return TakeLine(searched + end, 1);
            searched = Available.Length;
            if (searched > LongestLine)
                throw new IOException($"A line has more than {LongestLine} bytes.");
            if (!await FillAsync(cancellationToken).ConfigureAwait(false))
                return Available.IsEmpty ? null : TakeLine(Available.Length, 0);
        }
    }

    public async Task<byte[]> ReadToEndAsync(CancellationToken cancellationToken)
    {
        using var all = new MemoryStream();
        do
        {
            all.Write(Available);
            _start = _end;
        }
        while (await FillAsync(cancellationToken).ConfigureAwait(false));
        return all.ToArray();
    }

    private string TakeLine(int length, int terminator)
    {
        string line = Encoding.UTF8.GetString(Available[..length].TrimEnd((byte)'\r'));
        _start += length + terminator;
        return line;
    }

    private async Task<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_start > 0)
        {
            Available.CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
            Array.Resize(ref _buffer, _buffer.Length * 2);
        int count = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        Received.Add(_buffer.AsSpan(_end, count));
        received?.Invoke(_buffer.AsSpan(_end, count));
        _end += count;
        return count > 0;
    }
}
