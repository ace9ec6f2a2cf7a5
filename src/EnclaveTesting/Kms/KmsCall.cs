using EnclaveTesting.Attestation;

namespace EnclaveTesting.Kms;

/// <summary>What becomes known of a request while it is carried out.</summary>
internal sealed class KmsCall(string operation)
{
    public string Operation { get; } = operation;

    public string? KeyId { get; set; }

    public AttestationDocument? Attestation { get; set; }

    public string? Error { get; set; }

    public string? Message { get; set; }
}
