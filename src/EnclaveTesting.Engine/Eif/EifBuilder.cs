using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// Writes enclave images, laid out as AWS's tools do: kernel, command line, metadata, ramdisks, signature. Immutable: every
/// With and Add gives a new builder. The same inputs give the same bytes, except for the signature: ECDSA signatures are random,
/// so two signed images differ there and in the CRC, never in their PCRs.
/// </summary>
public sealed class EifBuilder
{
    /// <summary>The command line AWS gives its x86_64 images.</summary>
    internal const string DefaultCommandLine = "reboot=k panic=30 pci=off nomodules console=ttyS0 random.trust_cpu=on root=/dev/ram0";

    /// <summary>Default memory of AWS's images, 1 GiB.</summary>
    internal const long DefaultMemory = 1L << 30;

    /// <summary>Default number of vCPUs of AWS's images.</summary>
    internal const long DefaultCpus = 2;

    private readonly Plan _plan;

    /// <summary>Starts with an x86_64 image that has AWS's command line and defaults, but no kernel and no ramdisk yet.</summary>
    public EifBuilder()
        : this(new Plan(EifArchitecture.X86_64, null, TextPart(DefaultCommandLine), null, [], [], DefaultMemory, DefaultCpus, null))
    {
    }

    private EifBuilder(Plan plan) => _plan = plan;

    /// <summary>
    /// Starts with everything an image has except its signature; metadata and sections of unknown type keep their bytes. The
    /// image must not be disposed before the new one is written.
    /// </summary>
    public static EifBuilder From(EifImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        EifPart[] Of(Func<EifSectionType, bool> predicate) => [.. image.Sections.Where(section => predicate(section.Type)).Select(EifPart.FromSection)];
        return new EifBuilder(new Plan(
            image.Architecture,
            EifPart.FromSection(image.Kernel),
            Of(type => type == EifSectionType.CommandLine)[0],
            Of(type => type == EifSectionType.Metadata).FirstOrDefault(),
            Of(type => type == EifSectionType.Ramdisk),
            Of(type => !Enum.IsDefined(type)),
            image.DefaultMemory,
            image.DefaultCpus,
            null));
    }

    /// <summary>Sets the CPU architecture the kernel is for.</summary>
    internal EifBuilder WithArchitecture(EifArchitecture architecture) => Enum.IsDefined(architecture)
        ? With(_plan with { Architecture = architecture })
        : throw new ArgumentOutOfRangeException(nameof(architecture), architecture, "Not an architecture of the format.");

    /// <summary>Sets the kernel from bytes, which are not copied.</summary>
    public EifBuilder WithKernel(ReadOnlyMemory<byte> kernel) => With(_plan with { Kernel = EifPart.FromMemory(EifSectionType.Kernel, kernel) });

    /// <summary>Sets the kernel from a file, which is read when the image is written.</summary>
    public EifBuilder WithKernel(string path) => With(_plan with { Kernel = EifPart.FromFile(EifSectionType.Kernel, path) });

    /// <summary>Sets the kernel command line instead of <see cref="DefaultCommandLine"/>.</summary>
    /// <exception cref="ArgumentException">The text contains control characters or is longer than 64 KiB.</exception>
    public EifBuilder WithCommandLine(string commandLine)
    {
        ArgumentNullException.ThrowIfNull(commandLine);
        if (commandLine.AsSpan().ContainsAnyInRange('\0', '\b'))
            throw new ArgumentException("A kernel command line has no control characters.", nameof(commandLine));
        if (Encoding.UTF8.GetByteCount(commandLine) > EifImage.MaxCommandLineLength)
            throw new ArgumentException($"A kernel command line has at most {EifImage.MaxCommandLineLength} bytes in an image.", nameof(commandLine));
        return With(_plan with { CommandLine = TextPart(commandLine) });
    }

    /// <summary>Appends a ramdisk from bytes, which are not copied. The first is the boot ramdisk (PCR1), the others the application (PCR2).</summary>
    public EifBuilder AddRamdisk(ReadOnlyMemory<byte> ramdisk) => With(_plan with { Ramdisks = [.. _plan.Ramdisks, EifPart.FromMemory(EifSectionType.Ramdisk, ramdisk)] });

    /// <summary>Appends a ramdisk from a file, which is read when the image is written.</summary>
    public EifBuilder AddRamdisk(string path) => With(_plan with { Ramdisks = [.. _plan.Ramdisks, EifPart.FromFile(EifSectionType.Ramdisk, path)] });

    /// <summary>Sets the metadata section; without it the image has none.</summary>
    /// <exception cref="ArgumentException">A raw JSON field is not JSON.</exception>
    public EifBuilder WithMetadata(EifMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        return With(_plan with { Metadata = EifPart.FromMemory(EifSectionType.Metadata, metadata.ToJson()) });
    }

    /// <summary>Sets the memory the image asks for, in bytes.</summary>
    public EifBuilder WithDefaultMemory(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return With(_plan with { Memory = bytes });
    }

    /// <summary>Sets the number of vCPUs the image asks for.</summary>
    public EifBuilder WithDefaultCpus(long count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return With(_plan with { Cpus = count });
    }

    /// <summary>Signs PCR0 with a certificate and its private key (P-256, P-384 or P-521), both in PEM as openssl writes them.</summary>
    /// <exception cref="ArgumentException">They cannot be used, or do not belong together.</exception>
    public EifBuilder WithSigning(string certificatePem, string privateKeyPem)
    {
        ArgumentException.ThrowIfNullOrEmpty(certificatePem);
        ArgumentException.ThrowIfNullOrEmpty(privateKeyPem);
        return With(_plan with { Signer = EifSigner.FromPem(certificatePem, privateKeyPem) });
    }

    /// <summary>Signs PCR0. Key and certificate stay the caller's and must live until the image is written.</summary>
    /// <exception cref="ArgumentException">They cannot be used, or do not belong together.</exception>
    public EifBuilder WithSigning(X509Certificate2 certificate, ECDsa privateKey)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        ArgumentNullException.ThrowIfNull(privateKey);
        return With(_plan with { Signer = new EifSigner(certificate.ExportCertificatePem() + "\n", () => privateKey, ownsKey: false) });
    }

    /// <summary>Writes the image into memory.</summary>
    /// <exception cref="InvalidOperationException">There is no kernel or no ramdisk, or too many sections.</exception>
    /// <exception cref="IOException">An input file cannot be read.</exception>
    public byte[] Build()
    {
        using var layout = Lay();
        if (layout.Length > Array.MaxLength)
            throw new InvalidOperationException($"The image has {layout.Length} bytes and does not fit into an array; write it to a stream.");
        var bytes = new byte[layout.Length];
        using var stream = new MemoryStream(bytes);
        layout.WriteTo(stream);
        return bytes;
    }

    /// <summary>Writes the image to a stream, which need not be seekable and stays open.</summary>
    /// <returns>The PCRs of the image.</returns>
    /// <exception cref="InvalidOperationException">There is no kernel or no ramdisk, or too many sections.</exception>
    /// <exception cref="IOException">An input file cannot be read or changes meanwhile, or the stream fails.</exception>
    public EifMeasurements Write(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var layout = Lay();
        layout.WriteTo(stream);
        return layout.Measurements;
    }

    /// <summary>Writes the image to a stream, which need not be seekable and stays open.</summary>
    /// <returns>The PCRs of the image.</returns>
    /// <exception cref="InvalidOperationException">There is no kernel or no ramdisk, or too many sections.</exception>
    /// <exception cref="IOException">An input file cannot be read or changes meanwhile, or the stream fails.</exception>
    public async Task<EifMeasurements> WriteAsync(Stream stream, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var layout = Lay();
        await layout.WriteToAsync(stream, cancellationToken).ConfigureAwait(false);
        return layout.Measurements;
    }

    /// <summary>
    /// Appends a section of a type this library gives no meaning; it goes behind the ramdisks. For tests of readers.
    /// </summary>
    internal EifBuilder AddSection(EifSectionType type, ReadOnlyMemory<byte> data) => With(_plan with { Others = [.. _plan.Others, EifPart.FromMemory(type, data)] });

    private static EifPart TextPart(string text) => EifPart.FromMemory(EifSectionType.CommandLine, Encoding.UTF8.GetBytes(text));

    private static EifBuilder With(Plan plan) => new(plan);

    private EifLayout Lay()
    {
        if (_plan.Kernel is null)
            throw new InvalidOperationException("An image needs a kernel: call WithKernel.");
        if (_plan.Ramdisks.Length == 0)
            throw new InvalidOperationException("An image needs at least one ramdisk: call AddRamdisk.");
        EifPart[] metadata = _plan.Metadata is null ? [] : [_plan.Metadata];
        EifPart[] parts = [_plan.Kernel, _plan.CommandLine, .. metadata, .. _plan.Ramdisks, .. _plan.Others];
        int count = parts.Length + (_plan.Signer is null ? 0 : 1);
        if (count > EifHeader.MaxSections)
            throw new InvalidOperationException($"An image has at most {EifHeader.MaxSections} sections; this one would have {count}.");
        return EifLayout.Create(_plan.Architecture, _plan.Memory, _plan.Cpus, parts, _plan.Signer);
    }

    private sealed record Plan(
        EifArchitecture Architecture,
        EifPart? Kernel,
        EifPart CommandLine,
        EifPart? Metadata,
        EifPart[] Ramdisks,
        EifPart[] Others,
        long Memory,
        long Cpus,
        EifSigner? Signer);
}
