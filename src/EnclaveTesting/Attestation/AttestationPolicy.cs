using System.Collections.ObjectModel;
using System.Security.Cryptography;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Attestation;

/// <summary>What a verifier expects of an attestation document. What is left out is not looked at.</summary>
public sealed record AttestationPolicy
{
    /// <summary>The trusted root certificate in DER.</summary>
    public required ReadOnlyMemory<byte> RootCertificate { get; init; }

    /// <summary>The values that registers, all of them locked, must have.</summary>
    public IReadOnlyDictionary<int, PcrValue> Pcrs { get; init; } = ReadOnlyDictionary<int, PcrValue>.Empty;

    /// <summary>The nonce the document must carry.</summary>
    public ReadOnlyMemory<byte>? Nonce { get; init; }

    /// <summary>The user data the document must carry.</summary>
    public ReadOnlyMemory<byte>? UserData { get; init; }

    /// <summary>The public key the document must carry, in DER.</summary>
    public ReadOnlyMemory<byte>? PublicKey { get; init; }

    /// <summary>How old the document may be: five minutes, as AWS KMS allows; null for any age.</summary>
    public TimeSpan? MaximumAge { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How far the document's time may lie ahead of the verifier's: one minute.</summary>
    public TimeSpan ClockTolerance { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>The verifier's clock, for the document's age and for the certificates.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>A policy that trusts an authority's root.</summary>
    /// <param name="authority">The authority; null takes the one that enclaves use unless told otherwise.</param>
    public static AttestationPolicy Trusting(AttestationAuthority? authority = null) =>
        new() { RootCertificate = (authority ?? AttestationAuthority.Default).RootCertificate };

    /// <summary>A policy that trusts a root certificate in PEM, such as AWS's.</summary>
    /// <exception cref="ArgumentException">The text holds no certificate.</exception>
    public static AttestationPolicy Trusting(string rootCertificatePem)
    {
        ArgumentNullException.ThrowIfNull(rootCertificatePem);
        if (!PemEncoding.TryFind(rootCertificatePem, out var pem) || rootCertificatePem[pem.Label] != "CERTIFICATE")
            throw new ArgumentException("There is no certificate in the text.", nameof(rootCertificatePem));
        return new AttestationPolicy { RootCertificate = Convert.FromBase64String(rootCertificatePem[pem.Base64Data]) };
    }
}
