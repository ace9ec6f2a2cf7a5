namespace EnclaveTesting.Attestation;

/// <summary>The steps of verifying an attestation document, in their order (AWS, "Verifying the root of trust").</summary>
public enum AttestationStep
{
    /// <summary>The bytes are a COSE_Sign1 message (RFC 9052) around a CBOR map.</summary>
    Encoding,

    /// <summary>The mandatory members are there and none of them is null.</summary>
    RequiredFields,

    /// <summary>Every member has its type, its size and a value that is allowed.</summary>
    FieldContent,

    /// <summary>The protected header names ES384.</summary>
    Algorithm,

    /// <summary>The bundle begins with the root certificate that is trusted.</summary>
    RootOfTrust,

    /// <summary>Each certificate is one, is named after and signed by the one before it.</summary>
    CertificateChain,

    /// <summary>Each certificate, the root included, is valid at this time.</summary>
    CertificateValidity,

    /// <summary>Basic constraints, path lengths and key usages allow what each certificate is used for.</summary>
    CertificateUsage,

    /// <summary>The message is signed with the enclave certificate's key.</summary>
    Signature,

    /// <summary>The document was made recently.</summary>
    Timestamp,

    /// <summary>The registers have the expected values.</summary>
    Pcrs,

    /// <summary>The nonce is the expected one.</summary>
    Nonce,

    /// <summary>The user data are the expected ones.</summary>
    UserData,

    /// <summary>The public key is the expected one.</summary>
    PublicKey,
}
