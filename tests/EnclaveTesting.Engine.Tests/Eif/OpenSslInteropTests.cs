using System.Formats.Asn1;
using System.Formats.Cbor;
using System.Numerics;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Tests.Shared;

namespace EnclaveTesting.Engine.Tests.Eif;

/// <summary>Signatures of ours for openssl's command line, and the other way round.</summary>
public sealed class OpenSslInteropTests : IDisposable
{
    private const int CoordinateSize = 48;

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("openssl-");

    public void Dispose() => _directory.Delete(recursive: true);

    [OpenSslFact]
    public void Openssl_verifies_our_signature()
    {
        CreateKey();
        using var image = EifImage.Load(Builder().WithSigning(File.ReadAllText(Path("certificate.pem")), File.ReadAllText(Path("key.pem"))).Build());

        var message = new CborReader(image.Signature!.CoseSign1);
        message.ReadStartArray();
        byte[] header = message.ReadByteString();
        message.SkipValue();
        byte[] payload = message.ReadByteString();
        byte[] signature = message.ReadByteString();
        var der = new AsnWriter(AsnEncodingRules.DER);
        using (der.PushSequence())
        {
            der.WriteInteger(new BigInteger(signature.AsSpan(0, CoordinateSize), isUnsigned: true, isBigEndian: true));
            der.WriteInteger(new BigInteger(signature.AsSpan(CoordinateSize), isUnsigned: true, isBigEndian: true));
        }

        File.WriteAllBytes(Path("message"), SigStructure(header, payload));
        File.WriteAllBytes(Path("signature"), der.Encode());
        OpenSsl.Run("x509", "-in", Path("certificate.pem"), "-pubkey", "-noout", "-out", Path("public.pem"));
        OpenSsl.Run("dgst", "-sha384", "-verify", Path("public.pem"), "-signature", Path("signature"), Path("message")).Should().Contain("Verified OK");
    }

    [OpenSslFact]
    public void We_verify_a_signature_of_openssl()
    {
        CreateKey();
        byte[] unsigned = Builder().Build();
        using var image = EifImage.Load(unsigned);
        byte[] header = [0xa1, 0x01, 0x38, 0x22];
        byte[] payload = Payload(image.Measurements.Pcr0.ToArray());
        File.WriteAllBytes(Path("message"), SigStructure(header, payload));
        OpenSsl.Run("dgst", "-sha384", "-sign", Path("key.pem"), "-out", Path("signature"), Path("message"));

        var sequence = new AsnReader(File.ReadAllBytes(Path("signature")), AsnEncodingRules.DER).ReadSequence();
        byte[] signature = [.. Coordinate(sequence.ReadInteger()), .. Coordinate(sequence.ReadInteger())];
        var section = new CborWriter();
        section.WriteStartArray(1);
        section.WriteStartMap(2);
        section.WriteTextString("signing_certificate");
        section.WriteByteString(File.ReadAllBytes(Path("certificate.pem")));
        section.WriteTextString("signature");
        section.WriteByteString(Message(header, payload, signature));
        section.WriteEndMap();
        section.WriteEndArray();

        var raw = new RawEif();
        raw.Sections.AddRange(image.Sections.Select(it => new RawEif.Section((ushort)it.Type, it.Data.ToArray(), 0)));
        using var signed = EifImage.Load(raw.Add(4, section.Encode()).Build());
        signed.Signature!.Verify(signed.Verify(), DateTimeOffset.UtcNow).Should().Be(EifSignatureProblems.None);

        OpenSsl.Run("x509", "-in", Path("certificate.pem"), "-outform", "DER", "-out", Path("certificate.der"));
        signed.Measurements.Pcr8.Should().Be(PcrValue.Measure(File.ReadAllBytes(Path("certificate.der"))));
    }

    private static EifBuilder Builder() => new EifBuilder().WithKernel(RawEif.Bytes(1, 1000)).AddRamdisk(RawEif.Bytes(2, 1000));

    private static byte[] Coordinate(BigInteger value)
    {
        byte[] bytes = value.ToByteArray(isUnsigned: true, isBigEndian: true);
        return [.. new byte[CoordinateSize - bytes.Length], .. bytes];
    }

    private static byte[] Payload(byte[] pcr0)
    {
        var writer = new CborWriter();
        writer.WriteStartMap(2);
        writer.WriteTextString("register_index");
        writer.WriteInt32(0);
        writer.WriteTextString("register_value");
        writer.WriteByteString(pcr0);
        writer.WriteEndMap();
        return writer.Encode();
    }

    private static byte[] SigStructure(byte[] header, byte[] payload)
    {
        var writer = new CborWriter();
        writer.WriteStartArray(4);
        writer.WriteTextString("Signature1");
        writer.WriteByteString(header);
        writer.WriteByteString([]);
        writer.WriteByteString(payload);
        writer.WriteEndArray();
        return writer.Encode();
    }

    /// <summary>With the tag of COSE_Sign1, which is optional.</summary>
    private static byte[] Message(byte[] header, byte[] payload, byte[] signature)
    {
        var writer = new CborWriter();
        writer.WriteTag((CborTag)18);
        writer.WriteStartArray(4);
        writer.WriteByteString(header);
        writer.WriteStartMap(0);
        writer.WriteEndMap();
        writer.WriteByteString(payload);
        writer.WriteByteString(signature);
        writer.WriteEndArray();
        return writer.Encode();
    }

    private string Path(string name) => System.IO.Path.Combine(_directory.FullName, name);

    private void CreateKey()
    {
        OpenSsl.Run("ecparam", "-name", "secp384r1", "-genkey", "-out", Path("key.pem"));
        OpenSsl.Run("req", "-new", "-x509", "-sha384", "-days", "1", "-key", Path("key.pem"), "-subj", "/CN=signer", "-out", Path("certificate.pem"));
    }
}
