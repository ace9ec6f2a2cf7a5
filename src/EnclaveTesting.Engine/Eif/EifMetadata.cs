using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// The metadata section: JSON with the field names of aws-nitro-enclaves-image-format. It is in the CRC but in no PCR.
/// </summary>
/// <param name="ImageName">Name of the image.</param>
/// <param name="ImageVersion">Version of the image.</param>
/// <param name="BuildMetadata">How the image was built.</param>
/// <param name="DockerInfo">What was known about the container image, as raw JSON; null if the field is absent.</param>
/// <param name="CustomMetadata">What the author added, as raw JSON; null if the field is absent.</param>
public sealed record EifMetadata(
    string ImageName,
    string ImageVersion,
    EifBuildMetadata BuildMetadata,
    string? DockerInfo = null,
    string? CustomMetadata = null)
{
    // serde_json, which AWS uses, escapes no more than JSON demands.
    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads the section. Fields that are missing become empty, unknown ones are ignored.</summary>
    /// <param name="image">Name of the image, for messages.</param>
    /// <param name="offset">Offset of the section's data in the image, for messages.</param>
    /// <param name="json">The section's data.</param>
    /// <exception cref="EifFormatException">The data is not such JSON.</exception>
    internal static EifMetadata Parse(string image, long offset, ReadOnlySpan<byte> json)
    {
        try
        {
            // Parsing JSON elements lazily would surface broken text (a lone surrogate) only when a property is read: all of it is read here.
            var reader = new Utf8JsonReader(json);
            using var document = JsonDocument.ParseValue(ref reader);
            while (reader.Read())
            {
                // Trailing white space is fine; anything else makes the reader throw.
            }

            var root = RequireObject(document.RootElement, "metadata");
            var build = root.TryGetProperty("BuildMetadata", out var value) && value.ValueKind != JsonValueKind.Null
                ? RequireObject(value, "BuildMetadata")
                : default;
            return new EifMetadata(
                Text(root, "ImageName"),
                Text(root, "ImageVersion"),
                new EifBuildMetadata(
                    Text(build, "BuildTime"),
                    Text(build, "BuildTool"),
                    Text(build, "BuildToolVersion"),
                    Text(build, "OperatingSystem"),
                    Text(build, "KernelVersion")),
                Raw(root, "DockerInfo"),
                Raw(root, "CustomMetadata"));
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new EifFormatException(image, offset, "metadata as a JSON object with the fields of nitro-cli", exception.Message.TrimEnd('.'), exception);
        }
    }

    /// <summary>The section's data: compact JSON, fields in AWS's order.</summary>
    /// <exception cref="ArgumentException"><see cref="DockerInfo"/> or <see cref="CustomMetadata"/> is not JSON.</exception>
    internal byte[] ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(buffer, WriterOptions);
        writer.WriteStartObject();
        writer.WriteString("ImageName", ImageName);
        writer.WriteString("ImageVersion", ImageVersion);
        writer.WriteStartObject("BuildMetadata");
        writer.WriteString("BuildTime", BuildMetadata.BuildTime);
        writer.WriteString("BuildTool", BuildMetadata.BuildTool);
        writer.WriteString("BuildToolVersion", BuildMetadata.BuildToolVersion);
        writer.WriteString("OperatingSystem", BuildMetadata.OperatingSystem);
        writer.WriteString("KernelVersion", BuildMetadata.KernelVersion);
        writer.WriteEndObject();
        WriteRaw(writer, "DockerInfo", DockerInfo);
        WriteRaw(writer, "CustomMetadata", CustomMetadata);
        writer.WriteEndObject();
        writer.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static void WriteRaw(Utf8JsonWriter writer, string name, string? json)
    {
        // AWS's reader requires both fields, so an absent value is written as null.
        writer.WritePropertyName(name);
        try
        {
            writer.WriteRawValue(json ?? "null");
        }
        catch (JsonException exception)
        {
            throw new ArgumentException($"{name} is not valid JSON: {exception.Message}", name, exception);
        }
    }

    private static JsonElement RequireObject(JsonElement element, string what) => element.ValueKind == JsonValueKind.Object
        ? element
        : throw new JsonException($"{what} of kind {element.ValueKind}");

    private static string Text(JsonElement parent, string name)
    {
        if (parent.ValueKind != JsonValueKind.Object || !parent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
            return "";
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw new JsonException($"{name} of kind {value.ValueKind}");
    }

    private static string? Raw(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value.GetRawText() : null;
}
