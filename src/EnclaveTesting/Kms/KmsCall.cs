using EnclaveTesting.Attestation;

namespace EnclaveTesting.Kms;

/// <summary>What becomes known of a request while it is carried out.</summary>
internal sealed class KmsCall(string operation, TimeProvider time)
{
    public string Operation { get; } = operation;

    /// <summary>The clock that documents are judged by, unless the policy has one of its own.</summary>
    public TimeProvider Time { get; } = time;

    public string? KeyId { get; set; }

    public AttestationDocument? Attestation { get; set; }

    public string? Error { get; set; }

    public string? Message { get; set; }
}
