namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>The members of an attestation document, in the order in which AWS writes them.</summary>
internal static class AttestationFields
{
    public const string ModuleId = "module_id";
    public const string Digest = "digest";
    public const string Timestamp = "timestamp";
    public const string Pcrs = "pcrs";
    public const string Certificate = "certificate";
    public const string CaBundle = "cabundle";
    public const string PublicKey = "public_key";
    public const string UserData = "user_data";
    public const string Nonce = "nonce";

    public static IReadOnlyList<string> Mandatory { get; } = [ModuleId, Digest, Timestamp, Pcrs, Certificate, CaBundle];

    public static IReadOnlyList<string> All { get; } = [.. Mandatory, PublicKey, UserData, Nonce];
}
