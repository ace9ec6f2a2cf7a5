namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>How many bytes an attestation request may bring in each of its fields; more is answered with InputTooLarge.</summary>
/// <param name="UserData">Bytes of user_data.</param>
/// <param name="Nonce">Bytes of nonce.</param>
/// <param name="PublicKey">Bytes of public_key.</param>
public readonly record struct NsmFieldLimits(int UserData, int Nonce, int PublicKey)
{
    /// <summary>
    /// 1024 bytes each: the document's specification (AWS's "Verifying the root of trust"), and what AWS's own check of a
    /// module (nsm-check in aws-nitro-enclaves-nsm-api) sends and expects to be attested.
    /// </summary>
    public static NsmFieldLimits Default { get; } = new(1024, 1024, 1024);

    /// <summary>512, 512 and 1024 bytes: what AWS's validation steps for a document allow, hence what every verifier takes.</summary>
    public static NsmFieldLimits Verifiable { get; } = new(512, 512, 1024);
}
