using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EnclaveTesting.Engine.Tests.Eif;

internal static class Certificates
{
    public static X509Certificate2 Create(ECCurve curve, out ECDsa key, DateTimeOffset? notBefore = null, DateTimeOffset? notAfter = null)
    {
        key = ECDsa.Create(curve);
        var request = new CertificateRequest("CN=signer,O=Example", key, HashAlgorithmName.SHA384);
        return request.CreateSelfSigned(notBefore ?? DateTimeOffset.UtcNow.AddDays(-1), notAfter ?? DateTimeOffset.UtcNow.AddDays(1));
    }
}
