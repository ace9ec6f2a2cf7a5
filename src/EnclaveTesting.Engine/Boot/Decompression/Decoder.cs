namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>Unpacks one archive from the input's position on; at its end the input stands exactly behind it.</summary>
internal abstract class Decoder(CompressedInput input) : IDisposable
{
    /// <summary>The longest distance any decoder may look back, as in Linux: 128 MiB.</summary>
    protected const int MaximumWindow = 1 << 27;

    private static readonly (byte[] Magic, CompressionFormat Format)[] Magics =
    [
        ([0x1F, 0x8B], CompressionFormat.Gzip),
        ([0x1F, 0x9E], CompressionFormat.Gzip),
        ("BZ"u8.ToArray(), CompressionFormat.Bzip2),
        ([0x5D, 0x00], CompressionFormat.Lzma),
        ([0xFD, 0x37], CompressionFormat.Xz),
        ([0x89, 0x4C], CompressionFormat.Lzo),
        ([0x02, 0x21], CompressionFormat.Lz4),
        ([0x28, 0xB5], CompressionFormat.Zstd),
    ];

    /// <summary>How many bytes <see cref="Detect"/> needs.</summary>
    public const int MagicSize = 2;

    protected CompressedInput Input { get; } = input;

    /// <summary>Tells a format by its first two bytes, as Linux does (lib/decompress.c); null if it is none.</summary>
    public static CompressionFormat? Detect(ReadOnlySpan<byte> start)
    {
        foreach ((byte[] magic, CompressionFormat format) in Magics)
        {
            if (start.StartsWith(magic))
                return format;
        }

        return null;
    }

    /// <summary>Makes the decoder for a format.</summary>
    /// <param name="format">The format.</param>
    /// <param name="input">Stands at the archive's first byte.</param>
    /// <param name="limit">More than this many bytes are not wanted; windows need not be larger.</param>
    public static Decoder Open(CompressionFormat format, CompressedInput input, long limit) => format switch
    {
        CompressionFormat.Gzip => new GzipDecoder(input),
        CompressionFormat.Bzip2 => new Bzip2Decoder(input),
        CompressionFormat.Lzma => new LzmaDecoder(input, limit),
        CompressionFormat.Xz => new XzDecoder(input, limit),
        CompressionFormat.Lzo => new LzoDecoder(input),
        CompressionFormat.Lz4 => new Lz4Decoder(input),
        _ => new ZstdDecoder(input),
    };

    /// <summary>Unpacks some bytes, at least one; 0 at the archive's end.</summary>
    /// <exception cref="CompressedDataException">The archive is damaged or cut short.</exception>
    /// <exception cref="UnknownDataException">It uses a variant of its format that is not known here.</exception>
    public abstract int Read(Span<byte> destination);

    /// <summary>Unpacks so many bytes.</summary>
    /// <exception cref="CompressedDataException">There are fewer.</exception>
    public void ReadExactly(Span<byte> destination)
    {
        while (!destination.IsEmpty)
        {
            int count = Read(destination);
            if (count == 0)
                throw new CompressedDataException(Input.Position, $"{destination.Length} more unpacked bytes", "the archive's end");
            destination = destination[count..];
        }
    }

    public virtual void Dispose()
    {
    }
}
