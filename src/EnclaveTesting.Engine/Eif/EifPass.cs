namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// Reads all sections of an image once, chunk by chunk, in the order kernel, command line, ramdisks, the rest, and measures them on the
/// way: on other threads, while the caller uses the chunk.
/// </summary>
internal sealed class EifPass : IDisposable
{
    private readonly EifSource _source;
    private readonly EifSection[] _sections, _order;
    private readonly uint _headerCrc;
    private readonly PcrValue? _pcr8;
    private readonly uint[] _sums;
    private readonly EifMeasurer _measurer = new();
    private int _index = -1, _nextOffset, _used;

    public EifPass(EifSource source, in EifHeader header, EifSection[] sections, PcrValue? pcr8)
    {
        source.ThrowIfDisposed();
        _source = source;
        _sections = sections;
        _order = [.. sections];
        Array.Sort(_order, static (a, b) => EifMeasurer.Rank(a) == EifMeasurer.Rank(b) ? a.Index.CompareTo(b.Index) : EifMeasurer.Rank(a).CompareTo(EifMeasurer.Rank(b)));
        _headerCrc = EifMeasurer.Crc(header);
        _pcr8 = pcr8;
        _sums = new uint[sections.Length];
    }

    /// <summary>The section that <see cref="Chunk"/> belongs to.</summary>
    public EifSection Section => _order[_index];

    /// <summary>Offset of the chunk's first byte in the section's data.</summary>
    public long Offset { get; private set; }

    /// <summary>Bytes of the image, not to be changed; valid until the next <see cref="MoveNext"/>.</summary>
    public ReadOnlyMemory<byte> Chunk { get; private set; }

    /// <summary>Goes to the next chunk; false behind the last one. Empty sections have none.</summary>
    /// <exception cref="EifFormatException">The file became shorter.</exception>
    public bool MoveNext()
    {
        if (_index == _order.Length)
            return false;
        while (_index < 0 || _nextOffset == Section.Length)
        {
            if (_index >= 0)
                _sums[Section.Index] = _measurer.End();
            Chunk = default;
            _used = 0;
            if (++_index == _order.Length)
                return false;
            _nextOffset = 0;
            _measurer.Begin(Section);
        }

        Offset = _nextOffset;
        Chunk = _measurer.Load(_source, Section, _nextOffset);
        _nextOffset += Chunk.Length;
        _used = 0;
        return true;
    }

    /// <summary>
    /// Copies the next bytes of all sections of a kind, one behind the other; sections before them are read and dropped.
    /// </summary>
    /// <returns>How many; 0 when these sections are at their end.</returns>
    /// <exception cref="EifFormatException">The file became shorter.</exception>
    public int Read(EifSectionType type, Span<byte> buffer)
    {
        int rank = EifMeasurer.Rank(type);
        while (_used == Chunk.Length || EifMeasurer.Rank(Section) != rank)
        {
            if ((!Chunk.IsEmpty && EifMeasurer.Rank(Section) > rank) || !MoveNext())
                return 0;
        }

        int count = Math.Min(buffer.Length, Chunk.Length - _used);
        Chunk.Span.Slice(_used, count).CopyTo(buffer);
        _used += count;
        return count;
    }

    /// <summary>As <see cref="Read"/>, for bytes that are known to be there.</summary>
    public void ReadExactly(EifSectionType type, Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            int count = Read(type, buffer);
            if (count == 0)
                throw new ArgumentOutOfRangeException(nameof(buffer), buffer.Length, $"The {type} sections are at their end.");
            buffer = buffer[count..];
        }
    }

    /// <summary>Reads what is left; then gives what was measured.</summary>
    public EifMeasurements Finish()
    {
        while (MoveNext())
        {
        }

        uint crc = _headerCrc;
        foreach (EifSection section in _sections)
            crc = Crc32Combiner.Combine(crc, _sums[section.Index], EifSection.HeaderSize + (long)section.Length);
        return _measurer.Finish(_pcr8, crc);
    }

    public void Dispose() => _measurer.Dispose();
}
