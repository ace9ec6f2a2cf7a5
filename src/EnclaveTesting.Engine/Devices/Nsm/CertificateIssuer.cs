using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>A certificate, its key, and what it can issue: certificates shaped as those of AWS's Nitro attestation PKI.</summary>
internal sealed class CertificateIssuer
{
    public const X509KeyUsageFlags AuthorityUsage = X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign;

    /// <summary>The size of a serial number in bytes.</summary>
    public const int SerialSize = 16;

    private readonly X500DistinguishedName _name;
    private readonly X509SubjectKeyIdentifierExtension _keyIdentifier;

    public CertificateIssuer(X509Certificate2 certificate, AttestationKey key)
    {
        _name = certificate.SubjectName;
        Key = key;
        _keyIdentifier = certificate.Extensions.OfType<X509SubjectKeyIdentifierExtension>().FirstOrDefault() ?? SubjectKey(key);
        Certificate = certificate.RawData;
    }

    /// <summary>The certificate in DER.</summary>
    public byte[] Certificate { get; }

    /// <summary>Its key.</summary>
    public AttestationKey Key { get; }

    public static CertificateIssuer CreateRoot(X500DistinguishedName name, AttestationKey key, byte[] serial, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        var request = new CertificateRequest(name, key.PublicKey, HashAlgorithmName.SHA384);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(SubjectKey(key));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(AuthorityUsage, critical: true));
        using var certificate = request.Create(name, new AttestationKey.CertificateSigner(key), notBefore, notAfter, serial);
        return new CertificateIssuer(certificate, key);
    }

    /// <summary>Issues a certificate for an authority below this one.</summary>
    /// <param name="subject">Its name.</param>
    /// <param name="subjectKey">Its key.</param>
    /// <param name="serial">The certificate's serial number.</param>
    /// <param name="pathLength">How many authorities may follow below it.</param>
    /// <param name="usage">What its key is for.</param>
    /// <param name="revocationList">The address of a revocation list, which nobody serves; null for none.</param>
    /// <param name="notBefore">From when it is valid.</param>
    /// <param name="notAfter">Until when it is valid.</param>
    public CertificateIssuer IssueAuthority(X500DistinguishedName subject, AttestationKey subjectKey, byte[] serial, int pathLength, X509KeyUsageFlags usage,
        string? revocationList, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        var request = new CertificateRequest(subject, subjectKey.PublicKey, HashAlgorithmName.SHA384);
        request.CertificateExtensions.Add(
            new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLength, critical: true));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromSubjectKeyIdentifier(_keyIdentifier));
        request.CertificateExtensions.Add(SubjectKey(subjectKey));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(usage, critical: true));
        if (revocationList is not null)
            request.CertificateExtensions.Add(CertificateRevocationListBuilder.BuildCrlDistributionPointExtension([revocationList]));
        using var certificate = Sign(request, serial, notBefore, notAfter);
        return new CertificateIssuer(certificate, subjectKey);
    }

    /// <summary>Issues the certificate of a key that signs documents.</summary>
    public byte[] IssueEnclave(X500DistinguishedName subject, AttestationKey subjectKey, byte[] serial, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        var request = new CertificateRequest(subject, subjectKey.PublicKey, HashAlgorithmName.SHA384);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(
            new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.NonRepudiation, critical: false));
        using var certificate = Sign(request, serial, notBefore, notAfter);
        return certificate.RawData;
    }

    private X509Certificate2 Sign(CertificateRequest request, byte[] serial, DateTimeOffset notBefore, DateTimeOffset notAfter) =>
        request.Create(_name, new AttestationKey.CertificateSigner(Key), notBefore, notAfter, serial);

    private static X509SubjectKeyIdentifierExtension SubjectKey(AttestationKey key) => new(key.PublicKey, critical: false);
}
