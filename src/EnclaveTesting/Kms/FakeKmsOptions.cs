using System.Security.Cryptography.X509Certificates;
using EnclaveTesting.Attestation;

namespace EnclaveTesting.Kms;

/// <summary>How the fake key management service behaves.</summary>
public sealed record FakeKmsOptions
{
    /// <summary>The region in the keys' names.</summary>
    public string Region { get; init; } = "us-east-1";

    /// <summary>The account in the keys' names.</summary>
    public string AccountId { get; init; } = "111122223333";

    /// <summary>
    /// Which attestation documents are trusted; unless given, those of enclaves with the default authority, for five minutes. Behind a port
    /// of a parent the clock is the enclave's time of day, unless the policy has another one than the host's.
    /// </summary>
    public AttestationPolicy Attestation { get; init; } = AttestationPolicy.Trusting();

    /// <summary>
    /// The server's certificate with its private key: then connections speak TLS, as they do through AWS's vsock-proxy. The
    /// application has to trust its issuer. Null for plain HTTP.
    /// </summary>
    public X509Certificate2? ServerCertificate { get; init; }
}
