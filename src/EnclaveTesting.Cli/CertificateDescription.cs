using System.Formats.Asn1;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Cli;

/// <summary>A signing certificate as nitro-cli describes it, that is in the words of openssl.</summary>
internal sealed class CertificateDescription
{
    private readonly SortedDictionary<string, string> _issuer;
    private readonly string _signature;

    private CertificateDescription(SortedDictionary<string, string> issuer, string algorithm, DateTime notBefore, DateTime notAfter, byte[] signature)
    {
        _issuer = issuer;
        _signature = string.Join(':', signature.Select(value => value.ToString("X2", CultureInfo.InvariantCulture)));
        Algorithm = algorithm;
        NotBefore = Time(notBefore);
        NotAfter = Time(notAfter);
    }

    public string Algorithm { get; }

    public string NotBefore { get; }

    public string NotAfter { get; }

    public string IssuerText => string.Join(", ", _issuer.Select(entry => $"{entry.Key}={entry.Value}"));

    public static CertificateDescription Of(EifSignature signature)
    {
        try
        {
            using var certificate = signature.CreateCertificate();
            return new CertificateDescription(
                Names(certificate.IssuerName.RawData),
                AlgorithmName(certificate.SignatureAlgorithm.Value ?? ""),
                signature.NotBefore.UtcDateTime,
                signature.NotAfter.UtcDateTime,
                SignatureOf(certificate.RawData));
        }
        catch (Exception exception) when (exception is AsnContentException or CryptographicException)
        {
            throw new CommandException(ExitCode.BadImage, $"the signing certificate of the image cannot be described: {exception.Message}", exception);
        }
    }

    public void WriteTo(Utf8JsonWriter writer)
    {
        writer.WriteStartObject("SigningCertificate");
        writer.WriteStartObject("IssuerName");
        foreach (var (name, value) in _issuer)
            writer.WriteString(name, value);
        writer.WriteEndObject();
        writer.WriteString("Algorithm", Algorithm);
        writer.WriteString("NotBefore", NotBefore);
        writer.WriteString("NotAfter", NotAfter);
        writer.WriteString("Signature", _signature);
        writer.WriteEndObject();
    }

    /// <summary>openssl's ASN1_TIME_print: "Apr  8 13:20:34 2021 GMT".</summary>
    private static string Time(DateTime time) => string.Create(CultureInfo.InvariantCulture, $"{time:MMM} {time.Day,2} {time:HH:mm:ss yyyy} GMT");

    /// <summary>Name ::= SEQUENCE OF SET OF SEQUENCE { type OID, value string } (RFC 5280, section 4.1.2.4).</summary>
    private static SortedDictionary<string, string> Names(byte[] encoded)
    {
        var names = new SortedDictionary<string, string>(StringComparer.Ordinal);
        var sequence = new AsnReader(encoded, AsnEncodingRules.BER).ReadSequence();
        while (sequence.HasData)
        {
            var set = sequence.ReadSetOf(skipSortOrderValidation: true);
            while (set.HasData)
            {
                var attribute = set.ReadSequence();
                string type = attribute.ReadObjectIdentifier();
                names[AttributeName(type)] = Text(attribute);
            }
        }

        return names;
    }

    private static string Text(AsnReader reader)
    {
        var tag = reader.PeekTag();
        return tag.TagClass == TagClass.Universal && (UniversalTagNumber)tag.TagValue is UniversalTagNumber.UTF8String or UniversalTagNumber.PrintableString
            or UniversalTagNumber.IA5String or UniversalTagNumber.T61String or UniversalTagNumber.BMPString or UniversalTagNumber.NumericString or UniversalTagNumber.VisibleString
            ? reader.ReadCharacterString((UniversalTagNumber)tag.TagValue)
            : Convert.ToHexStringLower(reader.ReadEncodedValue().Span);
    }

    /// <summary>Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature BIT STRING } (RFC 5280, section 4.1).</summary>
    private static byte[] SignatureOf(byte[] certificate)
    {
        var sequence = new AsnReader(certificate, AsnEncodingRules.BER).ReadSequence();
        sequence.ReadEncodedValue();
        sequence.ReadEncodedValue();
        return sequence.ReadBitString(out _);
    }

    private static string AttributeName(string oid) => oid switch
    {
        "2.5.4.3" => "commonName",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "countryName",
        "2.5.4.7" => "localityName",
        "2.5.4.8" => "stateOrProvinceName",
        "2.5.4.10" => "organizationName",
        "2.5.4.11" => "organizationalUnitName",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "0.9.2342.19200300.100.1.25" => "domainComponent",
        _ => oid,
    };

    private static string AlgorithmName(string oid) => oid switch
    {
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        _ => oid,
    };
}
