using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Security.Cryptography.Cose;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// One entry of the signature section: a certificate and a COSE_Sign1 message (RFC 9052) over
/// { register_index, register_value }. AWS writes one entry, for PCR0.
/// </summary>
public sealed class EifSignature
{
    internal const string CertificateKey = "signing_certificate";
    internal const string SignatureKey = "signature";

    private const int MaxEntries = 32;

    private readonly CoseSign1Message _message;

    private EifSignature(string certificatePem, X509Certificate2 certificate, byte[] coseSign1, CoseSign1Message message, PcrSignaturePayload payload)
    {
        _message = message;
        CertificatePem = certificatePem;
        CertificateDer = certificate.RawData;

        // Decoded lazily by the platform: a certificate with broken dates is refused here, with the image's name and offset.
        NotBefore = certificate.NotBefore;
        NotAfter = certificate.NotAfter;
        CoseSign1 = coseSign1;
        RegisterIndex = payload.RegisterIndex;
        RegisterValue = payload.RegisterValue;
    }

    /// <summary>The signing certificate as the image has it.</summary>
    public string CertificatePem { get; }

    /// <summary>The signing certificate in DER, the first if there are several: what PCR8 measures.</summary>
    internal ReadOnlyMemory<byte> CertificateDer { get; }

    /// <summary>The certificate is valid from this time on.</summary>
    internal DateTimeOffset NotBefore { get; }

    /// <summary>The certificate is valid up to this time.</summary>
    internal DateTimeOffset NotAfter { get; }

    /// <summary>The encoded COSE_Sign1 message, with or without its tag.</summary>
    internal ReadOnlyMemory<byte> CoseSign1 { get; }

    /// <summary>The register the signature is over, 0 in all images of AWS's tools.</summary>
    internal int RegisterIndex { get; }

    /// <summary>The register value the signature is over.</summary>
    internal PcrValue RegisterValue { get; }

    /// <summary>Creates an object for the certificate, which the caller disposes.</summary>
    internal X509Certificate2 CreateCertificate() => X509CertificateLoader.LoadCertificate(CertificateDer.Span);

    /// <summary>Checks the signature against the image's measurements and the certificate against a point in time.</summary>
    /// <param name="measurements">The PCRs of the image that carries the signature.</param>
    /// <param name="time">Usually now.</param>
    /// <returns>Everything that is wrong, or <see cref="EifSignatureProblems.None"/>.</returns>
    public EifSignatureProblems Verify(EifMeasurements measurements, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(measurements);
        var problems = VerifyMessage();
        if (RegisterIndex != 0 || RegisterValue != measurements.Pcr0)
            problems |= EifSignatureProblems.PayloadMismatch;
        if (time < NotBefore)
            problems |= EifSignatureProblems.CertificateNotYetValid;
        if (time > NotAfter)
            problems |= EifSignatureProblems.CertificateExpired;
        return problems;
    }

    internal static IReadOnlyList<EifSignature> ParseSection(string image, long offset, ReadOnlyMemory<byte> data)
    {
        var reader = new CborReader(data, CborConformanceMode.Lax);
        try
        {
            var signatures = new List<EifSignature>();
            for (reader.ReadStartArray(); reader.PeekState() != CborReaderState.EndArray;)
            {
                if (signatures.Count == MaxEntries)
                    throw new CborContentException($"more than {MaxEntries} signatures");
                signatures.Add(ParseEntry(reader));
            }

            reader.ReadEndArray();
            if (reader.BytesRemaining != 0)
                throw new CborContentException($"{reader.BytesRemaining} bytes behind the array");
            if (signatures.Count == 0)
                throw new CborContentException("an empty array");
            return signatures;
        }
        catch (Exception exception) when (exception is CborContentException or InvalidOperationException or OverflowException or CryptographicException or ArgumentException)
        {
            throw new EifFormatException(image, offset + (data.Length - reader.BytesRemaining),
                "a CBOR array of { signing_certificate: PEM, signature: COSE_Sign1 }", exception.Message.TrimEnd('.'), exception);
        }
    }

    private static EifSignature ParseEntry(CborReader reader)
    {
        byte[]? pem = null;
        byte[]? cose = null;
        for (reader.ReadStartMap(); reader.PeekState() != CborReaderState.EndMap;)
        {
            switch (reader.ReadTextString())
            {
                case CertificateKey:
                    pem = CborBytes.Read(reader);
                    break;
                case SignatureKey:
                    cose = CborBytes.Read(reader);
                    break;
                default:
                    reader.SkipValue();
                    break;
            }
        }

        reader.ReadEndMap();
        if (pem is null || cose is null)
            throw new CborContentException($"an entry without {(pem is null ? CertificateKey : SignatureKey)}");

        string text = Encoding.ASCII.GetString(pem);
        using var certificate = X509Certificate2.CreateFromPem(text);
        var message = CoseMessage.DecodeSign1(cose);
        if (message.Content is not { } content)
            throw new CborContentException("a COSE_Sign1 message without its payload");
        return new EifSignature(text, certificate, cose, message, PcrSignaturePayload.Decode(content));
    }

    private EifSignatureProblems VerifyMessage()
    {
        try
        {
            using var certificate = CreateCertificate();
            using var key = certificate.GetECDsaPublicKey();
            if (key is null)
                return EifSignatureProblems.AlgorithmUnsupported;
            return _message.VerifyEmbedded(key) ? EifSignatureProblems.None : EifSignatureProblems.SignatureInvalid;
        }
        catch (CryptographicException)
        {
            // A key on an unknown curve or no point of it, or an algorithm header that is missing, unknown or does not go with the key.
            return EifSignatureProblems.AlgorithmUnsupported;
        }
    }
}
