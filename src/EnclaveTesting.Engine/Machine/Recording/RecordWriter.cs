using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>
/// Writes a recording: a magic number and a version, then records, each with the length and the CRC-32 of its payload before it. A payload is its
/// kind and fields: numbers as LEB128, bytes and text (UTF-8) after their length. Not thread-safe.
/// </summary>
internal sealed class RecordWriter : IDisposable
{
    public const int Version = 1;

    /// <summary>The longest payload.</summary>
    public const int MaxPayload = 64 << 20;

    /// <summary>The length and the sum before each payload, 32 bits each, little-endian.</summary>
    public const int FrameSize = 8;

    private readonly Stream _stream;
    private readonly byte[] _frame = new byte[FrameSize];
    private byte[] _payload = new byte[4096];
    private int _length;

    public RecordWriter(Stream stream)
    {
        _stream = stream;
        _stream.Write(Magic);
        _stream.WriteByte(Version);
    }

    public static ReadOnlySpan<byte> Magic => "ENCLREC"u8;

    public void Begin(RecordKind kind)
    {
        _length = 0;
        Room(1)[0] = (byte)kind;
        _length = 1;
    }

    public void Add(ulong number)
    {
        Span<byte> room = Room(10);
        int count = 0;
        do
        {
            byte part = (byte)(number & 0x7F);
            number >>= 7;
            room[count++] = number == 0 ? part : (byte)(part | 0x80);
        }
        while (number != 0);
        _length += count;
    }

    public void Add(ReadOnlySpan<byte> bytes)
    {
        Add((ulong)bytes.Length);
        bytes.CopyTo(Room(bytes.Length));
        _length += bytes.Length;
    }

    public void Add(in ReadOnlySequence<byte> bytes)
    {
        Add((ulong)bytes.Length);
        bytes.CopyTo(Room((int)bytes.Length));
        _length += (int)bytes.Length;
    }

    public void Add(string text) => Add(Encoding.UTF8.GetBytes(text));

    /// <summary>Writes the record; whole, as far as the process goes, after <see cref="Flush"/>.</summary>
    public void End()
    {
        ReadOnlySpan<byte> payload = _payload.AsSpan(0, _length);
        BinaryPrimitives.WriteInt32LittleEndian(_frame, _length);
        BinaryPrimitives.WriteUInt32LittleEndian(_frame.AsSpan(4), Crc32.HashToUInt32(payload));
        _stream.Write(_frame);
        _stream.Write(payload);
    }

    /// <summary>Gives what was written to the operating system, so that it survives this process.</summary>
    public void Flush() => _stream.Flush();

    public void Dispose() => _stream.Dispose();

    private Span<byte> Room(int size)
    {
        if (_payload.Length - _length < size)
            Array.Resize(ref _payload, Math.Max(_payload.Length * 2, _length + size));
        return _payload.AsSpan(_length);
    }
}
