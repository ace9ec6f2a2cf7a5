using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using EnclaveTesting.Engine.Eif;
using Spectre.Console;

namespace EnclaveTesting.Cli;

/// <summary>Everything <c>enclave describe</c> says about an image, as text and as JSON.</summary>
internal sealed class ImageDescription
{
    /// <summary>What nitro-cli prints for its hash: the debug form of a Rust type.</summary>
    private const string NitroHashAlgorithm = "Sha384 { ... }";

    private static readonly JsonWriterOptions JsonOptions = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly EifImage _image;
    private readonly CertificateDescription? _certificate;

    private ImageDescription(EifImage image, DateTimeOffset now)
    {
        _image = image;
        Measurements = image.Measure();
        if (image.Signature is { } signature)
        {
            SignatureProblems = signature.Verify(Measurements, now);
            _certificate = CertificateDescription.Of(signature);
        }
    }

    public EifMeasurements Measurements { get; }

    public bool CrcIsValid => Measurements.Crc32 == _image.Crc32;

    /// <summary>Null if the image is unsigned.</summary>
    public EifSignatureProblems? SignatureProblems { get; }

    public bool IsGood => CrcIsValid && SignatureProblems is null or EifSignatureProblems.None;

    /// <summary>Reads the whole image once.</summary>
    public static ImageDescription Of(EifImage image, DateTimeOffset now) => new(image, now);

    /// <summary>nitro-cli's fields in nitro-cli's order, then ours.</summary>
    public string ToJson() => Json(writer =>
    {
        writer.WriteNumber("EifVersion", _image.Version);
        WriteMeasurements(writer, Measurements);
        writer.WriteBoolean("IsSigned", _image.Signature is not null);
        _certificate?.WriteTo(writer);
        writer.WriteBoolean("CheckCRC", CrcIsValid);
        if (SignatureProblems is { } problems)
            writer.WriteBoolean("SignatureCheck", problems == EifSignatureProblems.None);
        if (_image.Metadata is { } metadata)
            WriteMetadata(writer, metadata);
        WriteOurs(writer);
    });

    /// <summary>What nitro-cli prints for an image it has built.</summary>
    public static string MeasurementsToJson(EifMeasurements measurements) => Json(writer => WriteMeasurements(writer, measurements));

    /// <summary>Writes for people; colours only on a terminal.</summary>
    public void WriteTo(TextWriter output)
    {
        var console = Terminal.Create(output);
        Line(console, "Image", _image.Name);
        Line(console, "Version", $"EIF {_image.Version}, {ArchitectureName(_image.Architecture)}");
        Line(console, "Defaults", $"{_image.DefaultMemory / (1024.0 * 1024.0):0.##} MiB, {_image.DefaultCpus} CPUs");
        Line(console, "Command line", _image.CommandLine);
        Line(console, "CRC-32", CrcIsValid ? $"0x{_image.Crc32:x8}, ok" : $"0x{_image.Crc32:x8}, WRONG: the content has 0x{Measurements.Crc32:x8}", CrcIsValid ? "green" : "red");
        Line(console, "PCR0", Measurements.Pcr0.ToString());
        Line(console, "PCR1", Measurements.Pcr1.ToString());
        Line(console, "PCR2", Measurements.Pcr2.ToString());
        if (Measurements.Pcr8 is { } pcr8)
            Line(console, "PCR8", pcr8.ToString());
        WriteSignature(console);
        if (_image.Metadata is { } metadata)
        {
            Line(console, "Name", $"{metadata.ImageName} {metadata.ImageVersion}");
            var build = metadata.BuildMetadata;
            Line(console, "Built", $"{build.BuildTime} by {build.BuildTool} {build.BuildToolVersion} for {build.OperatingSystem} {build.KernelVersion}");
            if (metadata.CustomMetadata is { } custom)
                Line(console, "Metadata", custom);
        }

        Line(console, "Sections", "type              offset       length");
        foreach (var section in _image.Sections)
            Line(console, "", $"{section.Type,-12} {section.Offset,11} {section.Length,12}");
    }

    private static string Json(Action<Utf8JsonWriter> content)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, JsonOptions))
        {
            writer.WriteStartObject();
            content(writer);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void WriteMeasurements(Utf8JsonWriter writer, EifMeasurements measurements)
    {
        writer.WriteStartObject("Measurements");
        writer.WriteString("HashAlgorithm", NitroHashAlgorithm);
        writer.WriteString("PCR0", measurements.Pcr0.ToString());
        writer.WriteString("PCR1", measurements.Pcr1.ToString());
        writer.WriteString("PCR2", measurements.Pcr2.ToString());
        if (measurements.Pcr8 is { } pcr8)
            writer.WriteString("PCR8", pcr8.ToString());
        writer.WriteEndObject();
    }

    private static void Line(IAnsiConsole console, string label, string value, string? colour = null)
    {
        string text = Markup.Escape(Printable(value));
        console.MarkupLine($"[bold]{label,-13}[/]{(colour is null ? text : $"[{colour}]{text}[/]")}");
    }

    /// <summary>Text from an image is not trusted: it must not drive the terminal.</summary>
    private static string Printable(string text) => string.Create(text.Length, text, static (span, source) =>
    {
        for (int i = 0; i < span.Length; i++)
            span[i] = char.IsControl(source[i]) ? '\uFFFD' : source[i];
    });

    private static string ArchitectureName(EifArchitecture architecture) => architecture == EifArchitecture.Aarch64 ? "aarch64" : "x86_64";

    private static void WriteMetadata(Utf8JsonWriter writer, EifMetadata metadata)
    {
        writer.WriteString("ImageName", metadata.ImageName);
        writer.WriteString("ImageVersion", metadata.ImageVersion);
        writer.WriteStartObject("Metadata");
        var build = metadata.BuildMetadata;
        (string Name, string Value)[] fields =
        [
            ("BuildTime", build.BuildTime),
            ("BuildTool", build.BuildTool),
            ("BuildToolVersion", build.BuildToolVersion),
            ("OperatingSystem", build.OperatingSystem),
            ("KernelVersion", build.KernelVersion),
        ];
        foreach (var (name, value) in fields)
            writer.WriteString(name, value);
        writer.WritePropertyName("DockerInfo");
        writer.WriteRawValue(metadata.DockerInfo ?? "null");
        if (metadata.CustomMetadata is { } custom)
            WriteCustom(writer, custom, [.. fields.Select(field => field.Name), "DockerInfo"]);
        writer.WriteEndObject();
    }

    /// <summary>nitro-cli prints the author's fields among its own; where that would make one name stand twice, they are kept apart.</summary>
    private static void WriteCustom(Utf8JsonWriter writer, string json, string[] taken)
    {
        using var document = JsonDocument.Parse(json);
        if (document.RootElement.ValueKind != JsonValueKind.Object || document.RootElement.EnumerateObject().Any(property => taken.Contains(property.Name)))
        {
            writer.WritePropertyName("CustomMetadata");
            document.RootElement.WriteTo(writer);
            return;
        }

        foreach (var property in document.RootElement.EnumerateObject())
            property.WriteTo(writer);
    }

    private void WriteOurs(Utf8JsonWriter writer)
    {
        writer.WriteString("Architecture", ArchitectureName(_image.Architecture));
        writer.WriteNumber("DefaultMemory", _image.DefaultMemory);
        writer.WriteNumber("DefaultCpus", _image.DefaultCpus);
        writer.WriteString("CommandLine", _image.CommandLine);
        if (SignatureProblems is { } problems && problems != EifSignatureProblems.None)
            writer.WriteString("SignatureProblems", problems.ToString());
        writer.WriteStartArray("Sections");
        foreach (var section in _image.Sections)
        {
            writer.WriteStartObject();
            writer.WriteString("Type", section.Type.ToString());
            writer.WriteNumber("Offset", section.Offset);
            writer.WriteNumber("Length", section.Length);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private void WriteSignature(IAnsiConsole console)
    {
        if (_certificate is null)
        {
            Line(console, "Signature", "none");
            return;
        }

        bool good = SignatureProblems == EifSignatureProblems.None;
        Line(console, "Signature", good ? "ok" : $"DOES NOT HOLD: {SignatureProblems}", good ? "green" : "red");
        Line(console, "Certificate", $"{_certificate.IssuerText}, {_certificate.Algorithm}, {_certificate.NotBefore} to {_certificate.NotAfter}");
    }
}
