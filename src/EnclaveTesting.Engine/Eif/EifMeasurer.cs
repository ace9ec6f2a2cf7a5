using System.Buffers;
using System.IO.Hashing;
using System.Security.Cryptography;

namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// One pass over the sections of an image for CRC and PCRs. Sections are visited by kind, as the PCRs want them, and the CRCs of
/// the single sections are joined afterwards in the order of the table. PCR1 is a prefix of PCR0, hence a copy of its hash's state
/// after the first ramdisk: only what PCR2 covers goes through SHA-384 twice. Hashing runs on other threads, PCR0 and PCR2 side by
/// side, while the bytes are put to use.
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
    private bool _bootstrapMeasured, _isRamdisk, _inImage, _inApplication;
    private Task _imageMeasuring = Task.CompletedTask, _applicationMeasuring = Task.CompletedTask;

    public static EifMeasurements Measure(EifSource source, in EifHeader header, EifSection[] sections, PcrValue? pcr8, EifChunkHandler? handler)
    {
        using var pass = new EifPass(source, header, sections, pcr8);
        while (pass.MoveNext())
            handler?.Invoke(pass.Section, pass.Offset, pass.Chunk.Span);
        return pass.Finish();
    }

    /// <summary>CRC-32 of the part of the header that it covers.</summary>
    public static uint Crc(in EifHeader header) => Crc32.HashToUInt32(header.CheckedBytes);

    /// <summary>The order in which sections are visited: kernel, command line, ramdisks, the rest.</summary>
    public static int Rank(EifSection section) => Rank(section.Type);

    /// <summary>The place of sections of a type in that order.</summary>
    public static int Rank(EifSectionType type) => type switch
    {
        EifSectionType.Kernel => 0,
        EifSectionType.CommandLine => 1,
        EifSectionType.Ramdisk => 2,
        _ => 3,
    };

    /// <summary>Reads a section once.</summary>
    /// <returns>CRC-32 of the section's header and data.</returns>
    public uint Visit(EifSource source, EifSection section)
    {
        Begin(section);
        for (int offset = 0; offset < section.Length; offset += ChunkSize)
            Load(source, section, offset);
        return End();
    }

    /// <summary>The chunks that follow belong to this section.</summary>
    public void Begin(EifSection section)
    {
        _isRamdisk = section.Type == EifSectionType.Ramdisk;
        _inImage = Rank(section) <= 2;
        _inApplication = _isRamdisk && _bootstrapMeasured;
        _crc.Append(section.Header);
    }

    /// <summary>Reads the next chunk; it is measured on other threads until <see cref="Join"/>, while the caller uses it.</summary>
    public ReadOnlyMemory<byte> Load(EifSource source, EifSection section, int offset)
    {
        Join();
        ReadOnlyMemory<byte> chunk = Chunk(source, section, offset, Math.Min(ChunkSize, section.Length - offset));
        if (chunk.Length < MinParallelSize)
        {
            MeasureImage(chunk);
            if (_inApplication)
                _application.AppendData(chunk.Span);
            return chunk;
        }

        _imageMeasuring = Task.Run(() => MeasureImage(chunk));
        if (_inApplication)
            _applicationMeasuring = Task.Run(() => _application.AppendData(chunk.Span));
        return chunk;
    }

    /// <summary>Waits until the last chunk is measured: its memory may be used again then.</summary>
    public void Join()
    {
        // Runs the work here if no thread of the pool has begun it: a busy pool cannot make this wait for long.
        _applicationMeasuring.Wait();
        _imageMeasuring.Wait();
    }

    /// <summary>The section is at its end.</summary>
    /// <returns>CRC-32 of the section's header and data.</returns>
    public uint End()
    {
        Join();
        if (_isRamdisk && !_bootstrapMeasured)
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
        Join();
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

    private void MeasureImage(ReadOnlyMemory<byte> chunk)
    {
        _crc.Append(chunk.Span);
        if (_inImage)
            _image.AppendData(chunk.Span);
    }

    private static PcrValue Finish(IncrementalHash hash)
    {
        Span<byte> digest = stackalloc byte[PcrValue.Size];
        hash.GetHashAndReset(digest);
        return default(PcrValue).Extend(digest);
    }
}
