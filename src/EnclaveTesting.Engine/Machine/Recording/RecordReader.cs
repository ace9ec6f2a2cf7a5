using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using System.Text;

namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>Reads a recording record by record; a file is never trusted. Not thread-safe.</summary>
internal sealed class RecordReader : IDisposable
{
    private readonly Stream _stream;
    private readonly string _file;
    private byte[] _payload = [];
    private int _length, _position;
    private long _payloadOffset, _offset;

    /// <summary>Checks that there is a recording of this version.</summary>
    /// <exception cref="RecordingFormatException">There is not.</exception>
    public RecordReader(Stream stream, string file)
    {
        _stream = stream;
        _file = file;
        Span<byte> start = stackalloc byte[RecordWriter.Magic.Length + 1];
        int count = _stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        if (count < start.Length || !start.StartsWith(RecordWriter.Magic))
            throw Problem(0, "the magic number ENCLREC", count < start.Length ? $"a file of {count} bytes" : Convert.ToHexStringLower(start[..RecordWriter.Magic.Length]));
        if (start[^1] != RecordWriter.Version)
            throw Problem(RecordWriter.Magic.Length, $"version {RecordWriter.Version}", $"version {start[^1]}");
        _offset = start.Length;
    }

    /// <summary>Where the record that was read last begins in the file.</summary>
    public long RecordOffset => _payloadOffset - RecordWriter.FrameSize;

    /// <summary>Reads the next record; null at the end of the file, which a recording whose process died reaches without a last record.</summary>
    /// <exception cref="RecordingFormatException">It is damaged.</exception>
    public RecordKind? Next()
    {
        Span<byte> frame = stackalloc byte[RecordWriter.FrameSize];
        int count = _stream.ReadAtLeast(frame, frame.Length, throwOnEndOfStream: false);
        if (count < frame.Length)
            return null;
        int length = BinaryPrimitives.ReadInt32LittleEndian(frame);
        if (length is < 1 or > RecordWriter.MaxPayload)
            throw Problem(_offset, $"a record of 1 to {RecordWriter.MaxPayload} bytes", $"{length} bytes");
        if (_payload.Length < length && !TryGrow(length))
            return null;
        count = _stream.ReadAtLeast(_payload.AsSpan(0, length), length, throwOnEndOfStream: false);
        if (count < length)
            return null;
        uint expected = BinaryPrimitives.ReadUInt32LittleEndian(frame[4..]), found = Crc32.HashToUInt32(_payload.AsSpan(0, length));
        if (expected != found)
            throw Problem(_offset + RecordWriter.FrameSize, $"{length} bytes with the CRC-32 0x{expected:x8}", $"0x{found:x8}");
        _payloadOffset = _offset + RecordWriter.FrameSize;
        _offset = _payloadOffset + length;
        _length = length;
        _position = 1;
        var kind = (RecordKind)_payload[0];
        return Enum.IsDefined(kind) ? kind : throw Problem(_payloadOffset, "a kind of record from 1 to 8", ((byte)kind).ToString(CultureInfo.InvariantCulture));
    }

    public ulong ReadNumber(ulong maximum = ulong.MaxValue, string what = "a number")
    {
        int start = _position;
        ulong number = 0;
        for (int shift = 0; shift < 64; shift += 7)
        {
            if (_position >= _length)
                throw Problem(_payloadOffset + start, what, "the end of the record");
            byte part = _payload[_position++];
            number |= (ulong)(part & 0x7F) << shift;
            if ((part & 0x80) != 0)
                continue;
            return number <= maximum ? number : throw Problem(_payloadOffset + start, $"{what} of at most {maximum}", number.ToString(CultureInfo.InvariantCulture));
        }

        throw Problem(_payloadOffset + start, what, "more than 64 bits");
    }

    /// <summary>The bytes are valid until the next record is read.</summary>
    public ReadOnlyMemory<byte> ReadBytes()
    {
        int start = _position;
        ulong count = ReadNumber();
        if (count > (ulong)(_length - _position))
            throw Problem(_payloadOffset + start, $"at most {_length - _position} bytes", $"{count}");
        ReadOnlyMemory<byte> bytes = _payload.AsMemory(_position, (int)count);
        _position += (int)count;
        return bytes;
    }

    /// <summary>The same, where their number is known.</summary>
    public ReadOnlyMemory<byte> ReadBytes(int length, string what)
    {
        int start = _position;
        ReadOnlyMemory<byte> bytes = ReadBytes();
        return bytes.Length == length ? bytes : throw Problem(_payloadOffset + start, $"{what} of {length} bytes", $"{bytes.Length} bytes");
    }

    public string ReadText() => Encoding.UTF8.GetString(ReadBytes().Span);

    public RecordingFormatException Problem(long offset, string expected, string found) => new(_file, offset, expected, found);

    public void Dispose() => _stream.Dispose();

    // A length that the file has no bytes for takes no memory.
    private bool TryGrow(int length)
    {
        if (_stream.CanSeek && _stream.Length - _stream.Position < length)
            return false;
        _payload = new byte[length];
        return true;
    }
}
