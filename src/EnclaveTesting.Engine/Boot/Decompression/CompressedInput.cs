using System.Buffers;

namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>Bytes to unpack, read ahead a little, so that every decoder can stop exactly behind its last byte.</summary>
internal sealed class CompressedInput(CompressedInput.Reader reader) : IDisposable
{
    /// <summary>As much as <see cref="Fill"/> can be asked for.</summary>
    public const int MaximumFill = 16 * 1024;

    private const int Size = 128 * 1024;

    private readonly byte[] _bytes = ArrayPool<byte>.Shared.Rent(Size);
    private int _start, _end;
    private bool _ended;

    /// <summary>Copies the next bytes; returns how many, 0 at the end.</summary>
    public delegate int Reader(Span<byte> buffer);

    /// <summary>How many bytes were taken so far.</summary>
    public long Position { get; private set; }

    /// <summary>The position that counts as the end, even if there is more.</summary>
    public long End { get; set; } = long.MaxValue;

    /// <summary>What has been read and not taken.</summary>
    public ReadOnlySpan<byte> Buffer => _bytes.AsSpan(_start, (int)Math.Min(_end - _start, End - Position));

    /// <summary>Reads until the buffer holds so many bytes; false if it cannot, for there are no more.</summary>
    public bool Fill(int minimum)
    {
        if (_end - _start < minimum && !_ended)
            FillSlowly(minimum);
        return Buffer.Length >= minimum;
    }

    /// <summary>Takes bytes that are in the buffer.</summary>
    public void Advance(int count)
    {
        _start += count;
        Position += count;
    }

    /// <summary>Takes bytes.</summary>
    /// <exception cref="CompressedDataException">There are fewer.</exception>
    public void ReadExactly(Span<byte> destination)
    {
        int missing = Read(destination);
        if (missing > 0)
            throw Truncated(missing);
    }

    /// <summary>Takes bytes, as many as there are; returns how many were missing.</summary>
    public int Read(Span<byte> destination)
    {
        while (!destination.IsEmpty && Fill(1))
        {
            int count = Math.Min(destination.Length, Buffer.Length);
            Buffer[..count].CopyTo(destination);
            Advance(count);
            destination = destination[count..];
        }

        return destination.Length;
    }

    /// <summary>Takes a byte.</summary>
    /// <exception cref="CompressedDataException">There is none.</exception>
    public byte ReadByte()
    {
        if (!Fill(1))
            throw Truncated(1);
        byte value = _bytes[_start];
        Advance(1);
        return value;
    }

    /// <summary>Drops bytes.</summary>
    /// <exception cref="CompressedDataException">There are fewer.</exception>
    public void Skip(long count)
    {
        while (count > 0)
        {
            if (!Fill(1))
                throw Truncated(count);
            int step = (int)Math.Min(count, Buffer.Length);
            Advance(step);
            count -= step;
        }
    }

    /// <summary>That the input ends too early.</summary>
    public CompressedDataException Truncated(long missing) => new(Position, $"{missing} more bytes", "the end of the data");

    public void Dispose() => ArrayPool<byte>.Shared.Return(_bytes);

    private void FillSlowly(int minimum)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minimum, MaximumFill);
        _bytes.AsSpan(_start, _end - _start).CopyTo(_bytes);
        _end -= _start;
        _start = 0;
        while (_end < minimum && !_ended)
        {
            int count = reader(_bytes.AsSpan(_end, Size - _end));
            _ended = count == 0;
            _end += count;
        }
    }
}
