using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EnclaveTesting.Cli.Tests;

/// <summary>A fresh certificate and its key, in PEM.</summary>
internal sealed record SigningKey(string CertificatePem, string KeyPem)
{
    public static SigningKey Create(DateTimeOffset? notAfter = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var request = new CertificateRequest("CN=signer,O=Example,C=US", key, HashAlgorithmName.SHA384);
        using var certificate = request.CreateSelfSigned(new DateTimeOffset(2021, 4, 8, 13, 20, 34, TimeSpan.Zero), notAfter ?? new DateTimeOffset(2121, 4, 18, 13, 20, 34, TimeSpan.Zero));
        return new SigningKey(certificate.ExportCertificatePem(), key.ExportECPrivateKeyPem());
    }
}
