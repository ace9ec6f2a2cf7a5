namespace EnclaveTesting.Engine.Eif;

/// <summary>One section of an image. Valid as long as its <see cref="EifImage"/> is not disposed.</summary>
internal sealed class EifSection
{
    /// <summary>Size in bytes of the header before a section's data: u16 type, u16 flags, u64 size.</summary>
    public const int HeaderSize = 12;

    private readonly EifSource _source;
    private readonly byte[] _header;
    private byte[]? _data;

    internal EifSection(EifSource source, int index, EifSectionType type, long offset, int length, byte[] header)
    {
        _source = source;
        _header = header;
        Index = index;
        Type = type;
        Offset = offset;
        Length = length;
    }

    /// <summary>Position in the header's table of sections, from zero.</summary>
    public int Index { get; }

    /// <summary>What the section holds; may be a value that <see cref="EifSectionType"/> does not name.</summary>
    public EifSectionType Type { get; }

    /// <summary>Offset in bytes of the data (not of the section header) in the image.</summary>
    public long Offset { get; }

    /// <summary>Length of the data in bytes, at most 2 GiB; may be zero.</summary>
    public int Length { get; }

    /// <summary>
    /// The whole data as one span. Of an image in memory this is a view; of a file the section is read when first asked for and
    /// kept until the image is collected, so prefer <see cref="Read"/> or <see cref="EifImage.Verify(EifChunkHandler)"/> for
    /// ramdisks. The span stays valid whatever happens to the image.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The image is disposed.</exception>
    /// <exception cref="EifFormatException">The file became shorter since it was opened.</exception>
    public ReadOnlySpan<byte> Data => Memory.Span;

    /// <summary>As <see cref="Data"/>, for callers that have to keep it or to hand it on.</summary>
    /// <exception cref="ObjectDisposedException">The image is disposed.</exception>
    /// <exception cref="EifFormatException">The file became shorter since it was opened.</exception>
    public ReadOnlyMemory<byte> Memory
    {
        get
        {
            _source.ThrowIfDisposed();
            if (_source is MemoryEifSource)
                return _source.Slice(Offset, Length);
            return _data ??= ReadAll();
        }
    }

    internal ReadOnlySpan<byte> Header => _header;

    internal long HeaderOffset => Offset - HeaderSize;

    /// <summary>Copies a part of the data to <paramref name="destination"/>, filling it, without keeping it.</summary>
    /// <param name="offset">Offset in the section's data, in bytes.</param>
    /// <param name="destination">Receives the bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie in the section.</exception>
    /// <exception cref="ObjectDisposedException">The image is disposed.</exception>
    /// <exception cref="EifFormatException">The file became shorter since it was opened.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - destination.Length);
        _source.ReadExactly(Offset + offset, destination);
    }

    /// <summary>Type, length and place, for messages.</summary>
    public override string ToString() => $"{Type} section, {Length} bytes at offset {Offset}";

    private byte[] ReadAll()
    {
        var bytes = new byte[Length];
        _source.ReadExactly(Offset, bytes);
        return bytes;
    }
}
