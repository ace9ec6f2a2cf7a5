namespace EnclaveTesting.Kms;

/// <summary>An error of the service's interface: a client gets its type and message.</summary>
internal sealed class KmsException(string type, string message) : Exception(message)
{
    public const string AccessDenied = "AccessDeniedException";
    public const string IncorrectKey = "IncorrectKeyException";
    public const string InvalidCiphertext = "InvalidCiphertextException";
    public const string NotFound = "NotFoundException";
    public const string Serialization = "SerializationException";
    public const string UnknownOperation = "UnknownOperationException";
    public const string Validation = "ValidationException";

    public string Type { get; } = type;
}
