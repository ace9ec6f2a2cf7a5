using System.Buffers.Binary;

namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>A file of lzop: LZO1X in blocks (format: Linux, Documentation/staging/lzo.rst and lib/decompress_unlzo.c).</summary>
internal sealed class LzoDecoder : Decoder
{
    private const int MaximumBlock = 256 * 1024;
    private const int HasHeaderFilter = 0x800;
    private const int VersionWithLevel = 0x940;

    private readonly byte[] _packed = new byte[MaximumBlock], _block = new byte[MaximumBlock];
    private int _taken, _length;
    private bool _ended;

    public LzoDecoder(CompressedInput input)
        : base(input) => ReadHeader(input);

    public override int Read(Span<byte> destination)
    {
        if (_taken == _length && !_ended)
            ReadBlock();
        int count = Math.Min(destination.Length, _length - _taken);
        _block.AsSpan(_taken, count).CopyTo(destination);
        _taken += count;
        return count;
    }

    private static void ReadHeader(CompressedInput input)
    {
        Span<byte> magic = stackalloc byte[9];
        long start = input.Position;
        input.ReadExactly(magic);
        if (!magic[1..].SequenceEqual("LZO\0\r\n\u001a\n"u8))
            throw new CompressedDataException(start, "the start of an lzop file", Convert.ToHexStringLower(magic));
        int version = (input.ReadByte() << 8) | input.ReadByte();
        input.Skip(2 + 2 + 1); // library version, version needed, method
        if (version >= VersionWithLevel)
            input.Skip(1);
        Span<byte> flags = stackalloc byte[4];
        input.ReadExactly(flags);
        if ((BinaryPrimitives.ReadUInt32BigEndian(flags) & HasHeaderFilter) != 0)
            input.Skip(4);
        input.Skip(4 + 4); // mode, time
        if (version >= VersionWithLevel)
            input.Skip(4);
        input.Skip(input.ReadByte()); // name
        input.Skip(4); // checksum
    }

    private void ReadBlock()
    {
        Span<byte> header = stackalloc byte[4];
        long start = Input.Position;
        Input.ReadExactly(header);
        uint length = BinaryPrimitives.ReadUInt32BigEndian(header);
        _taken = _length = 0;
        if (length == 0)
        {
            _ended = true;
            return;
        }

        Input.ReadExactly(header);
        uint packed = BinaryPrimitives.ReadUInt32BigEndian(header);
        if (length > MaximumBlock || packed == 0 || packed > length)
            throw new CompressedDataException(start, $"a block of at most {MaximumBlock} bytes", $"{packed} bytes for {length}");
        Input.Skip(4); // checksum
        start = Input.Position;
        if (packed == length)
        {
            Input.ReadExactly(_block.AsSpan(0, (int)length));
        }
        else
        {
            Input.ReadExactly(_packed.AsSpan(0, (int)packed));
            int unpacked = Lzo1x.Decode(_packed.AsSpan(0, (int)packed), _block.AsSpan(0, (int)length));
            if (unpacked != length)
                throw new CompressedDataException(start, $"a block of {length} bytes", unpacked < 0 ? "damaged data" : $"{unpacked} bytes");
        }

        _length = (int)length;
    }
}
