using System.Buffers;
using System.IO.Hashing;
using System.Security.Cryptography;

namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// One pass over the sections of an image for CRC and PCRs. Sections are visited by kind, as the PCRs want them, and the CRCs of
/// the single sections are joined afterwards in the order of the table. PCR1 is a prefix of PCR0, hence a copy of its hash's state
/// after the first ramdisk: only what PCR2 covers goes through SHA-384 twice, and there the two hashes run side by side.
/// </summary>
internal sealed class EifMeasurer : IDisposable
{
    public const int ChunkSize = 256 * 1024;

    // Handing a chunk to another thread costs as much as hashing a few kilobytes.
    private const int MinParallelSize = 32 * 1024;

    private readonly IncrementalHash _image = IncrementalHash.CreateHash(HashAlgorithmName.SHA384);
    private readonly IncrementalHash _application = IncrementalHash.CreateHash(HashAlgorithmName.SHA384);
    private readonly Crc32 _crc = new();
    private readonly byte[] _buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
    private readonly byte[] _bootstrap = new byte[PcrValue.Size];
    private bool _bootstrapMeasured;

    public static EifMeasurements Measure(EifSource source, in EifHeader header, EifSection[] sections, PcrValue? pcr8, EifChunkHandler? handler)
    {
        source.ThrowIfDisposed();
        using var measurer = new EifMeasurer();
        var sums = new uint[sections.Length];
        foreach (var section in sections.OrderBy(Rank))
            sums[section.Index] = measurer.Visit(source, section, handler);

        uint crc = Crc32.HashToUInt32(header.CheckedBytes);
        foreach (var section in sections)
            crc = Crc32Combiner.Combine(crc, sums[section.Index], EifSection.HeaderSize + (long)section.Length);
        return measurer.Finish(pcr8, crc);
    }

    /// <summary>The order in which sections are visited: kernel, command line, ramdisks, the rest.</summary>
    public static int Rank(EifSection section) => section.Type switch
    {
        EifSectionType.Kernel => 0,
        EifSectionType.CommandLine => 1,
        EifSectionType.Ramdisk => 2,
        _ => 3,
    };

    /// <summary>Reads a section once.</summary>
    /// <returns>CRC-32 of the section's header and data.</returns>
    public uint Visit(EifSource source, EifSection section, EifChunkHandler? handler)
    {
        bool isRamdisk = section.Type == EifSectionType.Ramdisk;
        bool inImage = Rank(section) <= 2;
        bool inApplication = isRamdisk && _bootstrapMeasured;
        _crc.Append(section.Header);
        for (int offset = 0; offset < section.Length;)
        {
            int length = Math.Min(ChunkSize, section.Length - offset);
            var chunk = Chunk(source, section, offset, length);
            var application = inApplication ? HashApplication(chunk) : Task.CompletedTask;
            _crc.Append(chunk.Span);
            if (inImage)
                _image.AppendData(chunk.Span);

            // Runs the work here if no thread of the pool has begun it: a busy pool cannot make this wait for long.
            application.Wait();
            handler?.Invoke(section, offset, chunk.Span);
            offset += length;
        }

        if (isRamdisk && !_bootstrapMeasured)
        {
            _image.GetCurrentHash(_bootstrap);
            _bootstrapMeasured = true;
        }

        uint sum = _crc.GetCurrentHashAsUInt32();
        _crc.Reset();
        return sum;
    }

    public EifMeasurements Finish(PcrValue? pcr8, uint crc) => new(Finish(_image), default(PcrValue).Extend(_bootstrap), Finish(_application), pcr8, crc);

    public void Dispose()
    {
        _image.Dispose();
        _application.Dispose();
        ArrayPool<byte>.Shared.Return(_buffer);
    }

    private ReadOnlyMemory<byte> Chunk(EifSource source, EifSection section, int offset, int length)
    {
        if (source is MemoryEifSource)
            return source.Slice(section.Offset + offset, length);
        source.ReadExactly(section.Offset + offset, _buffer.AsSpan(0, length));
        return _buffer.AsMemory(0, length);
    }

    private Task HashApplication(ReadOnlyMemory<byte> chunk)
    {
        if (chunk.Length >= MinParallelSize)
            return Task.Run(() => _application.AppendData(chunk.Span));
        _application.AppendData(chunk.Span);
        return Task.CompletedTask;
    }

    private static PcrValue Finish(IncrementalHash hash)
    {
        Span<byte> digest = stackalloc byte[PcrValue.Size];
        hash.GetHashAndReset(digest);
        return default(PcrValue).Extend(digest);
    }
}
