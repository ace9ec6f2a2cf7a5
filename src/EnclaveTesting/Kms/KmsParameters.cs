using System.Text.Json;

namespace EnclaveTesting.Kms;

/// <summary>The members of a request's JSON object, read with the errors that the service gives.</summary>
internal sealed class KmsParameters
{
    private readonly JsonElement _root;

    private KmsParameters(JsonElement root) => _root = root;

    /// <summary>True if there is an attestation document to look for.</summary>
    public bool HasRecipient => _root.TryGetProperty("Recipient", out var recipient) && recipient.ValueKind != JsonValueKind.Null;

    public static KmsParameters Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new KmsParameters(document.RootElement.Clone())
                : throw new KmsException(KmsException.Serialization, "The request is no JSON object.");
        }
        catch (JsonException exception)
        {
            throw new KmsException(KmsException.Serialization, $"The request is no JSON: {exception.Message}");
        }
    }

    public string? Text(string name) => Text(_root, name);

    public int? Number(string name)
    {
        if (!TryFind(_root, name, out var value))
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : throw WrongType(name, "an integer");
    }

    public byte[]? Bytes(string name) => Bytes(_root, name);

    public byte[] RequiredBytes(string name, int maximum)
    {
        byte[] bytes = Bytes(name) ?? throw new KmsException(KmsException.Validation, $"{name} is missing.");
        if (bytes.Length == 0 || bytes.Length > maximum)
            throw new KmsException(KmsException.Validation, $"{name} has {bytes.Length} bytes; 1 to {maximum} are allowed.");
        return bytes;
    }

    public (byte[]? Document, string? Algorithm) Recipient()
    {
        var recipient = _root.GetProperty("Recipient");
        if (recipient.ValueKind != JsonValueKind.Object)
            throw WrongType("Recipient", "an object");
        return (Bytes(recipient, "AttestationDocument"), Text(recipient, "KeyEncryptionAlgorithm"));
    }

    public IReadOnlyDictionary<string, string> EncryptionContext()
    {
        var context = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!TryFind(_root, "EncryptionContext", out var value))
            return context;
        if (value.ValueKind != JsonValueKind.Object)
            throw WrongType("EncryptionContext", "an object");
        foreach (var member in value.EnumerateObject())
            context[member.Name] = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString()! : throw WrongType(member.Name, "a string");
        return context;
    }

    private static string? Text(JsonElement parent, string name)
    {
        if (!TryFind(parent, name, out var value))
            return null;
        return value.ValueKind == JsonValueKind.String ? value.GetString() : throw WrongType(name, "a string");
    }

    private static byte[]? Bytes(JsonElement parent, string name)
    {
        if (!TryFind(parent, name, out var value))
            return null;
        return value.ValueKind == JsonValueKind.String && value.TryGetBytesFromBase64(out byte[]? bytes) ? bytes : throw WrongType(name, "Base64");
    }

    private static bool TryFind(JsonElement parent, string name, out JsonElement value) =>
        parent.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    private static KmsException WrongType(string name, string type) => new(KmsException.Serialization, $"{name} is not {type}.");
}
