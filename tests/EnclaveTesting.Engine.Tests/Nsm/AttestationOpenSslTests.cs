using System.Formats.Asn1;
using System.Formats.Cbor;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Tests.Shared;

namespace EnclaveTesting.Engine.Tests.Nsm;

/// <summary>Documents taken apart and verified by openssl's command line, in AWS's steps.</summary>
public sealed class AttestationOpenSslTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("attestation-");

    public void Dispose() => _directory.Delete(recursive: true);

    [OpenSslFact]
    public void Openssl_verifies_chain_and_signature()
    {
        byte[] document = new TestModule().Attest(nonce: [1, 2, 3]);

        Split(document);

        Assert.Contains("enclave.pem: OK", VerifyChain(DateTimeOffset.UtcNow), StringComparison.Ordinal);
        Assert.Contains("Verified OK", VerifySignature(), StringComparison.Ordinal);
    }

    [OpenSslFact]
    public void Openssl_shows_the_extensions_of_AWS()
    {
        Split(new TestModule().Attest());

        string[] certificates = [.. ((string[])["root.pem", "ca1.pem", "ca2.pem", "ca3.pem", "enclave.pem"])
            .Select(name => OpenSsl.Run("x509", "-in", Path(name), "-noout", "-text"))];
        Assert.All(certificates, text =>
        {
            Assert.Contains("Signature Algorithm: ecdsa-with-SHA384", text, StringComparison.Ordinal);
            Assert.Contains("NIST CURVE: P-384", text, StringComparison.Ordinal);
            Assert.Contains("X509v3 Basic Constraints: critical", text, StringComparison.Ordinal);
        });
        Assert.Contains("CA:TRUE\n", certificates[0], StringComparison.Ordinal);
        Assert.Contains("CA:TRUE, pathlen:2", certificates[1], StringComparison.Ordinal);
        Assert.Contains("CA:TRUE, pathlen:1", certificates[2], StringComparison.Ordinal);
        Assert.Contains("CA:TRUE, pathlen:0", certificates[3], StringComparison.Ordinal);
        Assert.Contains("CA:FALSE", certificates[4], StringComparison.Ordinal);
        Assert.Contains("Digital Signature, Non Repudiation", certificates[4], StringComparison.Ordinal);
    }

    [OpenSslFact]
    public void Openssl_finds_what_is_wrong()
    {
        Split(new TestModule(new NsmOptions { Faults = new AttestationFaults { CorruptedSignature = true } }).Attest());
        Assert.Contains("Verification failure", Assert.ThrowsAny<Exception>(VerifySignature).Message, StringComparison.Ordinal);
        Assert.Contains("OK", VerifyChain(DateTimeOffset.UtcNow), StringComparison.Ordinal);

        Split(new TestModule(new NsmOptions { Faults = new AttestationFaults { ExpiredCertificate = true } }).Attest());
        Assert.Contains("Verified OK", VerifySignature(), StringComparison.Ordinal);
        Assert.Contains("certificate has expired", Assert.ThrowsAny<Exception>(() => VerifyChain(DateTimeOffset.UtcNow)).Message, StringComparison.Ordinal);

        Split(new TestModule(new NsmOptions { Faults = new AttestationFaults { WrongRoot = true } }).Attest());
        Assert.Contains("Verified OK", VerifySignature(), StringComparison.Ordinal);
        File.WriteAllText(Path("root.pem"), AttestationAuthority.Default.RootCertificatePem);
        Assert.Contains("verification failed", Assert.ThrowsAny<Exception>(() => VerifyChain(DateTimeOffset.UtcNow)).Message, StringComparison.Ordinal);
    }

    /// <summary>Takes the document apart with no code of the product's.</summary>
    private void Split(byte[] document)
    {
        var message = (List<object?>)Cbor.Decode(document, CborConformanceMode.Strict)!;
        byte[] header = (byte[])message[0]!, payload = (byte[])message[2]!, signature = (byte[])message[3]!;
        var content = (Dictionary<object, object?>)Cbor.Decode(payload, CborConformanceMode.Strict)!;
        var bundle = ((List<object?>)content["cabundle"]!).Cast<byte[]>().ToList();

        Assert.Equal(0x84, document[0]);
        Assert.Equal("a1013822", Convert.ToHexStringLower(header));
        Assert.Equal(["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle", "public_key", "user_data", "nonce"], content.Keys);
        Assert.Equal(96, signature.Length);
        Assert.Equal(4, bundle.Count);

        WritePem("root.pem", bundle[0]);
        WritePem("ca1.pem", bundle[1]);
        WritePem("ca2.pem", bundle[2]);
        WritePem("ca3.pem", bundle[3]);
        WritePem("enclave.pem", (byte[])content["certificate"]!);
        File.WriteAllText(Path("intermediates.pem"), string.Concat(((string[])["ca1.pem", "ca2.pem", "ca3.pem"]).Select(it => File.ReadAllText(Path(it)))));
        File.WriteAllBytes(Path("message"), SigStructure(header, payload));
        File.WriteAllBytes(Path("signature"), Der(signature));
    }

    private string VerifyChain(DateTimeOffset time) => OpenSsl.Run("verify", "-attime", time.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
        "-CAfile", Path("root.pem"), "-no-CApath", "-no-CAstore", "-untrusted", Path("intermediates.pem"), Path("enclave.pem"));

    private string VerifySignature()
    {
        OpenSsl.Run("x509", "-in", Path("enclave.pem"), "-pubkey", "-noout", "-out", Path("public.pem"));
        return OpenSsl.Run("dgst", "-sha384", "-verify", Path("public.pem"), "-signature", Path("signature"), Path("message"));
    }

    private static byte[] SigStructure(byte[] header, byte[] payload) => Cbor.Encode(writer =>
    {
        writer.WriteStartArray(4);
        writer.WriteTextString("Signature1");
        writer.WriteByteString(header);
        writer.WriteByteString([]);
        writer.WriteByteString(payload);
        writer.WriteEndArray();
    });

    private static byte[] Der(byte[] signature)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(new BigInteger(signature.AsSpan(0, 48), isUnsigned: true, isBigEndian: true));
            writer.WriteInteger(new BigInteger(signature.AsSpan(48), isUnsigned: true, isBigEndian: true));
        }

        return writer.Encode();
    }

    private void WritePem(string name, byte[] der) => File.WriteAllText(Path(name), PemEncoding.WriteString("CERTIFICATE", der) + "\n");

    private string Path(string name) => System.IO.Path.Combine(_directory.FullName, name);
}
