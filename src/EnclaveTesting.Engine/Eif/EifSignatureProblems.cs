namespace EnclaveTesting.Engine.Eif;

/// <summary>What is wrong with a signature; none of it keeps an image from being read.</summary>
[Flags]
public enum EifSignatureProblems
{
    /// <summary>The signature holds.</summary>
    None = 0,

    /// <summary>The COSE signature was not made with the certificate's key over this payload.</summary>
    SignatureInvalid = 1,

    /// <summary>The signature is over another register or another value than the image has.</summary>
    PayloadMismatch = 2,

    /// <summary>The certificate is not valid yet.</summary>
    CertificateNotYetValid = 4,

    /// <summary>The certificate has expired.</summary>
    CertificateExpired = 8,

    /// <summary>The certificate's key is not an elliptic-curve key, or the COSE algorithm is not ES256, ES384 or ES512.</summary>
    AlgorithmUnsupported = 16,
}
