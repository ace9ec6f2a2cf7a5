using System.Text;

namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// An AWS Nitro Enclave image (EIF, version 4), read and checked. Opening checks the header, the table of sections and the
/// small sections (command line, metadata, signature); <see cref="Verify()"/> checks the CRC and computes the PCRs in one pass
/// over all bytes. The format is that of aws-nitro-enclaves-image-format; the rules are those of its reader and of QEMU's
/// loader (hw/core/eif.c), and what both forget: offsets outside the file, overlaps and absurd sizes.
/// Thread-safe. Nothing is mapped: a disposed image throws <see cref="ObjectDisposedException"/>, and a file that became
/// shorter while open throws <see cref="EifFormatException"/>.
/// </summary>
public sealed class EifImage : IDisposable
{
    /// <summary>The longest command line an image may have, in bytes; Linux takes 2,048.</summary>
    internal const int MaxCommandLineLength = 64 * 1024;
    private const string StreamName = "<stream>";
    private const int MaxMetadataLength = 16 * 1024 * 1024;
    private const int MaxSignatureLength = 1024 * 1024;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly EifSource _source;
    private readonly EifHeader _header;
    private readonly EifSection[] _sections;
    private readonly Lock _measuring = new();
    private EifMeasurements? _measurements;

    private EifImage(EifSource source, EifHeader header)
    {
        _source = source;
        _header = header;
        _sections = EifSectionTable.Read(source, header);
        Kernel = _sections.Single(section => section.Type == EifSectionType.Kernel);
        Ramdisks = [.. _sections.Where(section => section.Type == EifSectionType.Ramdisk)];
        CommandLine = ReadCommandLine(Only(EifSectionType.CommandLine)!);
        if (Only(EifSectionType.Metadata) is { } metadata)
            Metadata = EifMetadata.Parse(source.Name, metadata.Offset, Small(metadata, MaxMetadataLength).Span);
        if (Only(EifSectionType.Signature) is { } signature)
            Signatures = EifSignature.ParseSection(source.Name, signature.Offset, Small(signature, MaxSignatureLength));
    }

    /// <summary>Path of the file, "&lt;memory&gt;" or "&lt;stream&gt;"; used in messages.</summary>
    public string Name => _source.Name;

    /// <summary>By what its file can be recognised as it is now; null for what was no file.</summary>
    internal EifFileIdentity? FindIdentity() => _source.FindIdentity();

    /// <summary>Version of the format, 4.</summary>
    internal int Version => _header.Version;

    /// <summary>The CPU architecture the image was built for.</summary>
    internal EifArchitecture Architecture => _header.Architecture;

    /// <summary>Memory the image asks for when nobody says otherwise, in bytes.</summary>
    public long DefaultMemory => _header.DefaultMemory;

    /// <summary>Number of vCPUs the image asks for when nobody says otherwise.</summary>
    public long DefaultCpus => _header.DefaultCpus;

    /// <summary>The CRC-32 that the header promises; <see cref="Verify()"/> checks it.</summary>
    internal uint Crc32 => _header.Crc32;

    /// <summary>All sections in the order of the header's table, also those of unknown type.</summary>
    internal IReadOnlyList<EifSection> Sections => _sections;

    /// <summary>The kernel.</summary>
    internal EifSection Kernel { get; }

    /// <summary>The kernel command line.</summary>
    public string CommandLine { get; }

    /// <summary>The ramdisks in order, at least one; the initrd is all of them, concatenated.</summary>
    internal IReadOnlyList<EifSection> Ramdisks { get; }

    /// <summary>What the builder of the image noted, or null if the image has no such section.</summary>
    public EifMetadata? Metadata { get; }

    /// <summary>The signatures in the signature section; empty if the image is unsigned. AWS writes one, for PCR0.</summary>
    internal IReadOnlyList<EifSignature> Signatures { get; } = [];

    /// <summary>The first signature, whose certificate is what PCR8 measures, or null if the image is unsigned.</summary>
    public EifSignature? Signature => Signatures.Count > 0 ? Signatures[0] : null;

    /// <summary>The PCRs of this image; the first use reads the whole image, like <see cref="Verify()"/>.</summary>
    /// <exception cref="EifFormatException">The CRC is wrong.</exception>
    /// <exception cref="ObjectDisposedException">The image is disposed and was never measured.</exception>
    public EifMeasurements Measurements
    {
        get
        {
            if (Volatile.Read(ref _measurements) is { } known)
                return known;
            lock (_measuring)
            {
                return _measurements ?? Verify();
            }
        }
    }

    /// <summary>Opens an image file, which stays open until <see cref="Dispose"/>. A pipe is read into memory.</summary>
    /// <exception cref="EifFormatException">The file is not a valid image.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static EifImage Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Create(FileEifSource.Open(path, isImage: true));
    }

    /// <summary>Takes an image from memory; the bytes are not copied and must not change.</summary>
    /// <exception cref="EifFormatException">The bytes are not a valid image.</exception>
    public static EifImage Load(ReadOnlyMemory<byte> bytes) => Create(new MemoryEifSource("<memory>", bytes));

    /// <summary>Reads an image from a stream, which need not be seekable, up to the end of its last section.</summary>
    /// <exception cref="EifFormatException">The bytes are not a valid image, or it has 2 GiB or more (use <see cref="Open"/>).</exception>
    public static EifImage Read(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var reader = new EifStreamReader(StreamName, stream);
        return Create(new MemoryEifSource(StreamName, reader.Read()));
    }

    /// <summary>Reads an image from a stream, which need not be seekable, up to the end of its last section.</summary>
    /// <exception cref="EifFormatException">The bytes are not a valid image, or it has 2 GiB or more (use <see cref="Open"/>).</exception>
    public static async Task<EifImage> ReadAsync(Stream stream, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var reader = new EifStreamReader(StreamName, stream);
        return Create(new MemoryEifSource(StreamName, await reader.ReadAsync(cancellationToken).ConfigureAwait(false)));
    }

    /// <summary>Reads the whole image once, checks its CRC and gives its PCRs.</summary>
    /// <exception cref="EifFormatException">The CRC is wrong, or the file became shorter.</exception>
    /// <exception cref="ObjectDisposedException">The image is disposed.</exception>
    public EifMeasurements Verify() => Checked(Measure());

    /// <summary>
    /// As <see cref="Verify()"/>, and hands every byte to <paramref name="handler"/> in the same pass, so that loading an image
    /// into a guest reads it only once. That the CRC is wrong is known only at the end: what was copied is then to be thrown away.
    /// </summary>
    /// <exception cref="EifFormatException">The CRC is wrong, or the file became shorter.</exception>
    /// <exception cref="ObjectDisposedException">The image is disposed.</exception>
    internal EifMeasurements Verify(EifChunkHandler handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        return Checked(EifMeasurer.Measure(_source, _header, _sections, Pcr8(), handler));
    }

    /// <summary>Begins to read the whole image once; <see cref="Finish"/> ends it. What was copied before is to be thrown away if that fails.</summary>
    internal EifPass BeginPass() => new(_source, _header, _sections, Pcr8());

    /// <summary>Ends a pass and checks the CRC.</summary>
    /// <exception cref="EifFormatException">The CRC is wrong, or the file became shorter.</exception>
    internal EifMeasurements Finish(EifPass pass) => Checked(pass.Finish());

    /// <summary>Reads the whole image once and gives its PCRs and CRC without judging the CRC.</summary>
    /// <exception cref="EifFormatException">The file became shorter.</exception>
    /// <exception cref="ObjectDisposedException">The image is disposed.</exception>
    internal EifMeasurements Measure() => EifMeasurer.Measure(_source, _header, _sections, Pcr8(), handler: null);

    /// <summary>Closes the file. Memory handed out before stays valid.</summary>
    public void Dispose() => _source.Dispose();

    private static EifImage Create(EifSource source)
    {
        try
        {
            var bytes = new byte[Math.Min(source.Length, EifHeader.Size)];
            source.ReadExactly(0, bytes);
            return new EifImage(source, EifHeader.Parse(source.Name, bytes));
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    private EifSection? Only(EifSectionType type) => _sections.SingleOrDefault(section => section.Type == type);

    private PcrValue? Pcr8() => Signature is { } signature ? PcrValue.Measure(signature.CertificateDer.Span) : null;

    private EifMeasurements Checked(EifMeasurements measurements)
    {
        if (measurements.Crc32 != Crc32)
        {
            throw new EifFormatException(Name, EifHeader.Crc32Offset, $"CRC-32 0x{measurements.Crc32:x8}, which the content has",
                $"0x{Crc32:x8}: the image is damaged");
        }

        Volatile.Write(ref _measurements, measurements);
        return measurements;
    }

    private ReadOnlyMemory<byte> Small(EifSection section, int limit)
    {
        if (section.Length > limit)
        {
            throw new EifFormatException(Name, section.Offset - 8, $"a {section.Type} section of at most {limit} bytes", $"{section.Length} bytes");
        }

        return _source.Slice(section.Offset, section.Length);
    }

    private string ReadCommandLine(EifSection section)
    {
        var bytes = Small(section, MaxCommandLineLength).Span;
        int control = bytes.IndexOfAnyInRange((byte)0, (byte)8);
        if (control >= 0)
            throw new EifFormatException(Name, section.Offset + control, "a command line of printable text", $"byte 0x{bytes[control]:x2}");
        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException exception)
        {
            throw new EifFormatException(Name, section.Offset + Math.Max(exception.Index, 0), "a command line in UTF-8",
                $"bytes {Convert.ToHexStringLower(exception.BytesUnknown ?? [])}", exception);
        }
    }
}
