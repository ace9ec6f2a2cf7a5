using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;

namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>
/// One member of a gzip file (RFC 1952). The framework's inflater reads past the end of its data, so the end is found by the checksum
/// and the length that follow it, which are known when everything is unpacked.
/// </summary>
internal sealed class GzipDecoder : Decoder
{
    private const int HeaderSize = 10, TrailerSize = 8;
    private const byte Deflate = 8;
    private const int HasChecksum = 2, HasExtra = 4, HasName = 8, HasComment = 16, Reserved = 0xE0;

    private readonly Crc32 _crc = new();
    private readonly Source _source;
    private readonly DeflateStream _inflater;
    private uint _length;
    private bool _ended;

    public GzipDecoder(CompressedInput input)
        : base(input)
    {
        ReadHeader(input);
        _source = new Source(input);
        _inflater = new DeflateStream(_source, CompressionMode.Decompress);
    }

    public override int Read(Span<byte> destination)
    {
        if (_ended || destination.IsEmpty)
            return 0;
        int count;
        try
        {
            count = _inflater.Read(destination);
        }
        catch (InvalidDataException exception)
        {
            throw new CompressedDataException(Input.Position, "deflated data", exception.Message, exception);
        }

        _crc.Append(destination[..count]);
        _length += (uint)count;
        if (count == 0)
            End();
        return count;
    }

    public override void Dispose() => _inflater.Dispose();

    private static void ReadHeader(CompressedInput input)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        long start = input.Position;
        input.ReadExactly(header);
        int flags = header[3];
        if (header[2] != Deflate || (flags & Reserved) != 0)
            throw new CompressedDataException(start + 2, "deflate, method 8", $"method {header[2]}, flags 0x{flags:x2}");
        if ((flags & HasExtra) != 0)
            input.Skip(input.ReadByte() | (input.ReadByte() << 8));
        if ((flags & HasName) != 0)
            SkipText(input);
        if ((flags & HasComment) != 0)
            SkipText(input);
        if ((flags & HasChecksum) != 0)
            input.Skip(2);
    }

    private static void SkipText(CompressedInput input)
    {
        while (input.ReadByte() != 0)
        {
        }
    }

    private void End()
    {
        _ended = true;
        Span<byte> trailer = stackalloc byte[TrailerSize];
        BinaryPrimitives.WriteUInt32LittleEndian(trailer, _crc.GetCurrentHashAsUInt32());
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[4..], _length);
        Input.Fill(_source.Lent + TrailerSize);
        ReadOnlySpan<byte> rest = Input.Buffer[..Math.Min(Input.Buffer.Length, _source.Lent + TrailerSize)];
        int end = rest.IndexOf(trailer);
        if (end < 0)
        {
            string found = rest.Length < TrailerSize ? "the end of the data" : "another one, or data cut short";
            throw new CompressedDataException(Input.Position, $"the checksum {Convert.ToHexStringLower(trailer[..4])} and length of what was unpacked", found);
        }

        Input.Advance(end + TrailerSize);
    }

    /// <summary>Lends bytes to the inflater: they are taken only when it asks for more.</summary>
    private sealed class Source(CompressedInput input) : InputStream
    {
        public int Lent { get; private set; }

        public override int Read(Span<byte> buffer)
        {
            // What was lent before has all been used.
            input.Advance(Lent);
            input.Fill(1);
            Lent = Math.Min(Math.Min(buffer.Length, CompressedInput.MaximumFill - TrailerSize), input.Buffer.Length);
            input.Buffer[..Lent].CopyTo(buffer);
            return Lent;
        }
    }
}
