using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EnclaveTesting.Attestation;

/// <summary>
/// The certification path of a document, root first, checked as RFC 5280 §6 and AWS's steps ask. Done here and not by the
/// platform's chain engine, whose answers differ between systems and do not say which certificate failed at what.
/// </summary>
internal static class CertificatePath
{
    private const string EcdsaWithSha384 = "1.2.840.10045.4.3.3";
    private const int KeySize = 384;

    /// <summary>Verifies a path and gives the key of its last certificate, which the caller disposes.</summary>
    public static ECDsa Verify(IReadOnlyList<ReadOnlyMemory<byte>> path, ReadOnlyMemory<byte> trustedRoot, DateTimeOffset now)
    {
        if (!path[0].Span.SequenceEqual(trustedRoot.Span))
            throw new AttestationException(AttestationStep.RootOfTrust, "the bundle does not begin with the trusted root certificate.");

        var certificates = new List<X509Certificate2>(path.Count);
        try
        {
            foreach (var der in path)
                certificates.Add(X509CertificateLoader.LoadCertificate(der.Span));
            for (int i = 1; i < certificates.Count; i++)
                VerifyIssuer(certificates[i], certificates[i - 1]);
            foreach (var certificate in certificates)
                VerifyValidity(certificate, now);
            for (int i = 0; i < certificates.Count - 1; i++)
                VerifyAuthority(certificates[i], authoritiesBelow: certificates.Count - 2 - i);
            VerifyEnclave(certificates[^1]);
            return PublicKey(certificates[^1]);
        }
        catch (Exception exception) when (exception is CryptographicException or AsnContentException)
        {
            throw new AttestationException(AttestationStep.CertificateChain, $"a certificate is malformed: {exception.Message}", exception);
        }
        finally
        {
            foreach (var certificate in certificates)
                certificate.Dispose();
        }
    }

    private static void VerifyIssuer(X509Certificate2 certificate, X509Certificate2 issuer)
    {
        if (!certificate.IssuerName.RawData.AsSpan().SequenceEqual(issuer.SubjectName.RawData))
            throw Fail(AttestationStep.CertificateChain, certificate, $"was issued by {certificate.Issuer}, not by {issuer.Subject}");

        // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue } (RFC 5280 §4.1)
        var sequence = new AsnReader(certificate.RawDataMemory, AsnEncodingRules.DER).ReadSequence();
        var signed = sequence.ReadEncodedValue();
        string algorithm = sequence.ReadSequence().ReadObjectIdentifier();
        byte[] signature = sequence.ReadBitString(out _);
        if (algorithm != EcdsaWithSha384)
            throw Fail(AttestationStep.CertificateChain, certificate, $"is signed with {algorithm}, not with ECDSA and SHA-384");
        using var key = PublicKey(issuer);
        if (!key.VerifyData(signed.Span, signature, HashAlgorithmName.SHA384, DSASignatureFormat.Rfc3279DerSequence))
            throw Fail(AttestationStep.CertificateChain, certificate, $"is not signed with the key of {issuer.Subject}");
    }

    private static void VerifyValidity(X509Certificate2 certificate, DateTimeOffset now)
    {
        var from = certificate.NotBefore.ToUniversalTime();
        var to = certificate.NotAfter.ToUniversalTime();
        if (now.UtcDateTime < from || now.UtcDateTime > to)
            throw Fail(AttestationStep.CertificateValidity, certificate, $"is valid from {from:u} to {to:u}, and now it is {now.UtcDateTime:u}");
    }

    private static void VerifyAuthority(X509Certificate2 certificate, int authoritiesBelow)
    {
        VerifyCriticalExtensions(certificate);
        var constraints = certificate.Extensions.OfType<X509BasicConstraintsExtension>().FirstOrDefault();
        if (constraints is not { CertificateAuthority: true, Critical: true })
            throw Fail(AttestationStep.CertificateUsage, certificate, "is none of an authority");
        if (constraints.HasPathLengthConstraint && constraints.PathLengthConstraint < authoritiesBelow)
            throw Fail(AttestationStep.CertificateUsage, certificate, $"allows {constraints.PathLengthConstraint} authorities below it; there are {authoritiesBelow}");
        VerifyUsage(certificate, X509KeyUsageFlags.KeyCertSign);
    }

    private static void VerifyEnclave(X509Certificate2 certificate)
    {
        VerifyCriticalExtensions(certificate);
        if (certificate.Extensions.OfType<X509BasicConstraintsExtension>().Any(it => it.CertificateAuthority || it.HasPathLengthConstraint))
            throw Fail(AttestationStep.CertificateUsage, certificate, "is one of an authority; it should be the enclave's");
        VerifyUsage(certificate, X509KeyUsageFlags.DigitalSignature);
    }

    private static void VerifyUsage(X509Certificate2 certificate, X509KeyUsageFlags usage)
    {
        if (certificate.Extensions.OfType<X509KeyUsageExtension>().FirstOrDefault()?.KeyUsages.HasFlag(usage) is not true)
            throw Fail(AttestationStep.CertificateUsage, certificate, $"is not for {usage}");
    }

    /// <summary>RFC 5280 §6.1.4 (o): what is critical and not understood makes the path invalid.</summary>
    private static void VerifyCriticalExtensions(X509Certificate2 certificate)
    {
        var unknown = certificate.Extensions.FirstOrDefault(it => it.Critical && it is not (X509BasicConstraintsExtension or X509KeyUsageExtension));
        if (unknown is not null)
            throw Fail(AttestationStep.CertificateUsage, certificate, $"has the critical extension {unknown.Oid?.Value}, which nobody here understands");
    }

    private static ECDsa PublicKey(X509Certificate2 certificate)
    {
        var key = certificate.GetECDsaPublicKey();
        if (key is { KeySize: KeySize })
            return key;
        key?.Dispose();
        throw Fail(AttestationStep.CertificateChain, certificate, "has no key on P-384");
    }

    private static AttestationException Fail(AttestationStep step, X509Certificate2 certificate, string what) =>
        new(step, $"the certificate of {certificate.Subject} {what}.");
}
