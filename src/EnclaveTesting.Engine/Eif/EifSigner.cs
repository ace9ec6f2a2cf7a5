using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Security.Cryptography.Cose;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace EnclaveTesting.Engine.Eif;

/// <summary>Makes the signature section as nitro-cli does.</summary>
internal sealed class EifSigner
{
    private const byte CoseSign1Tag = 0xD2;

    private readonly string _certificatePem;
    private readonly Func<ECDsa> _openKey;
    private readonly bool _ownsKey;

    /// <param name="certificatePem">Goes into the image as it is.</param>
    /// <param name="openKey">Gives the private key of the certificate.</param>
    /// <param name="ownsKey">Whether a key that was given is to be disposed after use.</param>
    /// <exception cref="ArgumentException">The certificate or the key cannot be used for signing an image.</exception>
    public EifSigner(string certificatePem, Func<ECDsa> openKey, bool ownsKey)
    {
        _certificatePem = certificatePem;
        _openKey = openKey;
        _ownsKey = ownsKey;
        Check();
    }

    public static EifSigner FromPem(string certificatePem, string privateKeyPem) =>
        new(certificatePem, () => ImportKey(privateKeyPem), ownsKey: true);

    /// <summary>The data of the signature section of an image with this PCR0.</summary>
    public byte[] Sign(PcrValue pcr0)
    {
        var key = _openKey();
        try
        {
            byte[] payload = new PcrSignaturePayload(0, pcr0).Encode();
            ReadOnlySpan<byte> message = CoseSign1Message.SignEmbedded(payload, new CoseSigner(key, HashFor(key)));

            // AWS's tools write COSE_Sign1 untagged.
            if (message[0] == CoseSign1Tag)
                message = message[1..];

            var writer = new CborWriter(CborConformanceMode.Lax);
            writer.WriteStartArray(1);
            writer.WriteStartMap(2);
            writer.WriteTextString(EifSignature.CertificateKey);
            CborBytes.Write(writer, Encoding.ASCII.GetBytes(_certificatePem));
            writer.WriteTextString(EifSignature.SignatureKey);
            CborBytes.Write(writer, message);
            writer.WriteEndMap();
            writer.WriteEndArray();
            return writer.Encode();
        }
        finally
        {
            if (_ownsKey)
                key.Dispose();
        }
    }

    private static ECDsa ImportKey(string pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return key;
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new ArgumentException($"The private key is not an unencrypted elliptic-curve key in PEM: {exception.Message}", nameof(pem), exception);
        }
    }

    private static HashAlgorithmName HashFor(ECDsa key) => key.KeySize switch
    {
        256 => HashAlgorithmName.SHA256,
        384 => HashAlgorithmName.SHA384,
        521 => HashAlgorithmName.SHA512,
        _ => throw new ArgumentException($"Images are signed with P-256, P-384 or P-521 keys, not with {key.KeySize} bits."),
    };

    private void Check()
    {
        X509Certificate2 certificate;
        try
        {
            certificate = X509Certificate2.CreateFromPem(_certificatePem);
        }
        catch (CryptographicException exception)
        {
            throw new ArgumentException($"The signing certificate is not a certificate in PEM: {exception.Message}", exception);
        }

        using (certificate)
        using (var publicKey = certificate.GetECDsaPublicKey())
        {
            if (publicKey is null)
                throw new ArgumentException($"The signing certificate ({certificate.Subject}) has no elliptic-curve key.");
            var key = _openKey();
            try
            {
                _ = HashFor(key);
                if (!key.ExportSubjectPublicKeyInfo().AsSpan().SequenceEqual(publicKey.ExportSubjectPublicKeyInfo()))
                    throw new ArgumentException($"The private key does not belong to the signing certificate ({certificate.Subject}).");
            }
            finally
            {
                if (_ownsKey)
                    key.Dispose();
            }
        }
    }
}
