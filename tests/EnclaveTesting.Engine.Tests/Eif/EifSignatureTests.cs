using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Tests.Eif;

public sealed class EifSignatureTests
{
    // Made for these tests and used nowhere else: openssl ecparam -name secp384r1 -genkey -out key.pem; openssl req -new -x509 -sha384 -days 36500 -key key.pem
    //   -subj '/C=US/ST=Example/O=Enclave Tests/CN=signer' -out certificate.pem
    private const string OpenSslKey = """
        -----BEGIN EC PARAMETERS-----
        BgUrgQQAIg==
        -----END EC PARAMETERS-----
        -----BEGIN EC PRIVATE KEY-----
        MIGkAgEBBDCF0J+6t9yBuByeqF12TSyb/OCwL4hmYvF/8Deup7yeLSqVWTLyRqHu
        JmBloZ1pFcKgBwYFK4EEACKhZANiAAQl/CldqjVv8ZLPlhfwXSuN6yM9VI8tOTIV
        TjGFRUiXUlqnnORQKn/grNXXfQIMJIF3lRamBiM0MnMsdlCOUVXQB/o/C09gXLsO
        Tv4UE4m0BiwzpwHJqZ70f/on8vOZ1ko=
        -----END EC PRIVATE KEY-----
        """;

    private const string OpenSslCertificate = """
        -----BEGIN CERTIFICATE-----
        MIICJDCCAaqgAwIBAgIUOaN4z0uoqViwfEo0NoPGvOoakBEwCgYIKoZIzj0EAwMw
        SDELMAkGA1UEBhMCVVMxEDAOBgNVBAgMB0V4YW1wbGUxFjAUBgNVBAoMDUVuY2xh
        dmUgVGVzdHMxDzANBgNVBAMMBnNpZ25lcjAgFw0yNjExMjQwNTM1MzBaGA8yMTI2
        MTAzMTA1MzUzMFowSDELMAkGA1UEBhMCVVMxEDAOBgNVBAgMB0V4YW1wbGUxFjAU
        BgNVBAoMDUVuY2xhdmUgVGVzdHMxDzANBgNVBAMMBnNpZ25lcjB2MBAGByqGSM49
        AgEGBSuBBAAiA2IABCX8KV2qNW/xks+WF/BdK43rIz1Ujy05MhVOMYVFSJdSWqec
        5FAqf+Cs1dd9AgwkgXeVFqYGIzQycyx2UI5RVdAH+j8LT2Bcuw5O/hQTibQGLDOn
        AcmpnvR/+ify85nWSqNTMFEwHQYDVR0OBBYEFKoVZb3y1KFCeBqfJOUias2ka0kG
        MB8GA1UdIwQYMBaAFKoVZb3y1KFCeBqfJOUias2ka0kGMA8GA1UdEwEB/wQFMAMB
        Af8wCgYIKoZIzj0EAwMDaAAwZQIxAOdfU7eP+5iKtd42RgYWsGkfmuw08eJg+ApG
        PL3GqWGNFoF6RGXJF2ddmOuMwII0kwIwHqTXDwQyUcYP3ZfMaTM0HOGq2gtJyBZ2
        q89taDGpvm8b268Bx1C2uW2RHbWIgY54
        -----END CERTIFICATE-----
        """;

    private static readonly DateTimeOffset Now = DateTimeOffset.UtcNow;

    // Within the validity of the certificate above, whatever the clock of the machine that runs the tests.
    private static readonly DateTimeOffset WhileValid = new(2050, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static TheoryData<string> Curves => ["nistP256", "nistP384", "nistP521"];

    [Theory]
    [MemberData(nameof(Curves))]
    public void A_signed_image_verifies_and_measures_its_certificate(string curve)
    {
        using var certificate = Certificates.Create(ECCurve.CreateFromFriendlyName(curve), out var key);
        using (key)
        {
            using var image = EifImage.Load(Builder().WithSigning(certificate, key).Build());
            var measurements = image.Verify();

            image.Signatures.Should().ContainSingle();
            image.Signature!.Verify(measurements, Now).Should().Be(EifSignatureProblems.None);
            image.Signature.RegisterIndex.Should().Be(0);
            image.Signature.RegisterValue.Should().Be(measurements.Pcr0);
            image.Signature.CertificateDer.ToArray().Should().Equal(certificate.RawData);
            byte[] expected = SHA384.HashData([.. new byte[48], .. SHA384.HashData(certificate.RawData)]);
            measurements.Pcr8!.Value.ToArray().Should().Equal(expected);
        }
    }

    [Fact]
    public void Keys_in_openssl_s_PEM_are_taken_as_they_are()
    {
        using var image = EifImage.Load(Builder().WithSigning(OpenSslCertificate, OpenSslKey).Build());

        image.Signature!.Verify(image.Measurements, WhileValid).Should().Be(EifSignatureProblems.None);
        image.Signature.CertificatePem.Should().Be(OpenSslCertificate);
    }

    [Fact]
    public void Signed_images_differ_in_the_signature_only()
    {
        var builder = Builder().WithSigning(OpenSslCertificate, OpenSslKey);
        using var first = EifImage.Load(builder.Build());
        using var second = EifImage.Load(builder.Build());
        using var unsigned = EifImage.Load(Builder().Build());

        (first.Measurements with { Crc32 = 0 }).Should().Be(second.Measurements with { Crc32 = 0 });
        first.Measurements.Pcr0.Should().Be(unsigned.Measurements.Pcr0);
        for (int i = 0; i < unsigned.Sections.Count; i++)
            first.Sections[i].Data.SequenceEqual(second.Sections[i].Data).Should().BeTrue();
        EifBuilder.From(first).Build().Should().Equal(Builder().Build());
    }

    /// <summary>nitro-cli compares the signed payload byte by byte with its own encoding, and QEMU reads nothing but arrays of integers.</summary>
    [Fact]
    public void The_encoding_is_that_of_AWS_tools()
    {
        using var image = EifImage.Load(Builder().WithSigning(OpenSslCertificate, OpenSslKey).Build());
        var section = new CborReader(image.Sections[^1].Memory);
        section.ReadStartArray().Should().Be(1);
        section.ReadStartMap().Should().Be(2);
        section.ReadTextString().Should().Be("signing_certificate");
        Integers(section).Should().Equal(Encoding.ASCII.GetBytes(OpenSslCertificate));
        section.ReadTextString().Should().Be("signature");
        byte[] cose = Integers(section);

        var message = new CborReader(cose);
        message.ReadStartArray().Should().Be(4, "the message has no tag");
        message.ReadByteString().Should().Equal([0xa1, 0x01, 0x38, 0x22], "the protected header is {1: -35}, ES384");
        message.ReadStartMap().Should().Be(0);
        message.ReadEndMap();
        var payload = new CborReader(message.ReadByteString());
        payload.ReadStartMap().Should().Be(2);
        payload.ReadTextString().Should().Be("register_index");
        payload.ReadInt32().Should().Be(0);
        payload.ReadTextString().Should().Be("register_value");
        Integers(payload).Should().Equal(image.Measurements.Pcr0.ToArray());
        message.ReadByteString().Should().HaveCount(96);
    }

    [Fact]
    public void A_signature_by_another_key_does_not_hold()
    {
        using var certificate = Certificates.Create(ECCurve.NamedCurves.nistP384, out var key);
        using var other = Certificates.Create(ECCurve.NamedCurves.nistP384, out var otherKey);
        using (key)
        using (otherKey)
        {
            Problems(Section(certificate.ExportCertificatePem(), Sign(otherKey, 0, Pcr0()))).Should().Be(EifSignatureProblems.SignatureInvalid);
            Problems(Section(certificate.ExportCertificatePem(), Sign(key, 0, Pcr0()))).Should().Be(EifSignatureProblems.None);
        }
    }

    [Fact]
    public void A_signature_over_other_content_does_not_hold()
    {
        using var certificate = Certificates.Create(ECCurve.NamedCurves.nistP384, out var key);
        using (key)
        {
            string pem = certificate.ExportCertificatePem();
            Problems(Section(pem, Sign(key, 1, Pcr0()))).Should().Be(EifSignatureProblems.PayloadMismatch);
            Problems(Section(pem, Sign(key, 0, new byte[48]))).Should().Be(EifSignatureProblems.PayloadMismatch);
        }
    }

    [Fact]
    public void Validity_of_the_certificate_is_judged_at_the_given_time()
    {
        using var image = EifImage.Load(Builder().WithSigning(OpenSslCertificate, OpenSslKey).Build());

        image.Signature!.Verify(image.Measurements, new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero)).Should().Be(EifSignatureProblems.CertificateNotYetValid);
        image.Signature.Verify(image.Measurements, new DateTimeOffset(2200, 1, 1, 0, 0, 0, TimeSpan.Zero)).Should().Be(EifSignatureProblems.CertificateExpired);
    }

    [Fact]
    public void A_certificate_without_an_elliptic_curve_key_is_reported()
    {
        using var rsa = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=rsa", rsa, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(Now.AddDays(-1), Now.AddDays(1));
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);

        Problems(Section(certificate.ExportCertificatePem(), Sign(key, 0, Pcr0()))).Should().Be(EifSignatureProblems.AlgorithmUnsupported);
    }

    [Fact]
    public void Byte_strings_are_read_as_well_as_arrays_of_integers()
    {
        using var certificate = Certificates.Create(ECCurve.NamedCurves.nistP256, out var key);
        using (key)
        {
            var writer = new CborWriter();
            writer.WriteStartArray(1);
            writer.WriteStartMap(2);
            writer.WriteTextString("signature");
            writer.WriteByteString(Sign(key, 0, Pcr0(), HashAlgorithmName.SHA256));
            writer.WriteTextString("signing_certificate");
            writer.WriteByteString(Encoding.ASCII.GetBytes(certificate.ExportCertificatePem()));
            writer.WriteEndMap();
            writer.WriteEndArray();

            Problems(writer.Encode()).Should().Be(EifSignatureProblems.None);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("80")]
    [InlineData("a0")]
    [InlineData("81a0")]
    [InlineData("9fa0")]
    [InlineData("81a1697369676e617475726540")]
    [InlineData("81a2737369676e696e675f63657274696669636174658161616973")]
    [InlineData("81a2737369676e696e675f636572746966696361746540697369676e617475726540")]
    [InlineData("81a2737369676e696e675f63657274696669636174658119ffff697369676e617475726540")]
    [InlineData("9b7fffffffffffffff")]
    [InlineData("81bb7fffffffffffffff")]
    [InlineData("81a2737369676e696e675f63657274696669636174655b7fffffffffffffff")]
    [InlineData("81a2737369676e696e675f63657274696669636174659b7fffffffffffffff")]
    public void A_signature_section_that_is_none_is_refused(string hex)
    {
        byte[] image = RawEif.Sample().Add(4, Convert.FromHexString(hex)).Build();

        FluentActions.Invoking(() => EifImage.Load(image)).Should().Throw<EifFormatException>().WithMessage("*CBOR array of { signing_certificate*");
    }

    [Fact]
    public void Deep_nesting_in_a_signature_section_is_refused()
    {
        byte[] image = RawEif.Sample().Add(4, [0x81, 0xa1, 0x61, 0x78, .. Enumerable.Repeat((byte)0x81, 500_000)]).Build();

        FluentActions.Invoking(() => EifImage.Load(image)).Should().Throw<EifFormatException>();
    }

    [Fact]
    public void Keys_that_cannot_sign_are_refused_when_they_are_given()
    {
        using var certificate = Certificates.Create(ECCurve.NamedCurves.nistP384, out var key);
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using (key)
        {
            var builder = Builder();
            builder.Invoking(it => it.WithSigning(certificate, other)).Should().Throw<ArgumentException>().WithMessage("*does not belong*");
            builder.Invoking(it => it.WithSigning("no PEM", OpenSslKey)).Should().Throw<ArgumentException>().WithMessage("*certificate*");
            builder.Invoking(it => it.WithSigning(OpenSslCertificate, "no PEM")).Should().Throw<ArgumentException>().WithMessage("*private key*");
            builder.Invoking(it => it.WithSigning(OpenSslCertificate, other.ExportECPrivateKeyPem())).Should().Throw<ArgumentException>().WithMessage("*does not belong*");
        }
    }

    internal static byte[] SignatureSection()
    {
        using var certificate = Certificates.Create(ECCurve.NamedCurves.nistP384, out var key);
        using (key)
            return Section(certificate.ExportCertificatePem(), Sign(key, 0, Pcr0()));
    }

    private static EifBuilder Builder()
    {
        var raw = RawEif.Sample();
        return new EifBuilder().WithKernel(raw.Sections[0].Data).AddRamdisk(raw.Sections[2].Data);
    }

    private static byte[] Pcr0()
    {
        using var image = EifImage.Load(RawEif.Sample().Build());
        return image.Measurements.Pcr0.ToArray();
    }

    private static EifSignatureProblems Problems(byte[] section)
    {
        using var image = EifImage.Load(RawEif.Sample().Add(4, section).Build());
        return image.Signature!.Verify(image.Measurements, Now);
    }

    private static byte[] Integers(CborReader reader)
    {
        var bytes = new List<byte>();
        int? length = reader.ReadStartArray();
        length.Should().NotBeNull();
        while (reader.PeekState() != CborReaderState.EndArray)
            bytes.Add((byte)reader.ReadUInt32());
        reader.ReadEndArray();
        return [.. bytes];
    }

    /// <summary>COSE_Sign1 by RFC 9052, section 4.4, without the library's help.</summary>
    private static byte[] Sign(ECDsa key, int index, byte[] value, HashAlgorithmName? hash = null)
    {
        var payload = new CborWriter();
        payload.WriteStartMap(2);
        payload.WriteTextString("register_index");
        payload.WriteInt32(index);
        payload.WriteTextString("register_value");
        WriteIntegers(payload, value);
        payload.WriteEndMap();

        byte[] header = hash == HashAlgorithmName.SHA256 ? [0xa1, 0x01, 0x26] : [0xa1, 0x01, 0x38, 0x22];
        var toSign = new CborWriter();
        toSign.WriteStartArray(4);
        toSign.WriteTextString("Signature1");
        toSign.WriteByteString(header);
        toSign.WriteByteString([]);
        toSign.WriteByteString(payload.Encode());
        toSign.WriteEndArray();

        var message = new CborWriter();
        message.WriteStartArray(4);
        message.WriteByteString(header);
        message.WriteStartMap(0);
        message.WriteEndMap();
        message.WriteByteString(payload.Encode());
        message.WriteByteString(key.SignData(toSign.Encode(), hash ?? HashAlgorithmName.SHA384));
        message.WriteEndArray();
        return message.Encode();
    }

    private static byte[] Section(string pem, byte[] cose)
    {
        var writer = new CborWriter();
        writer.WriteStartArray(1);
        writer.WriteStartMap(2);
        writer.WriteTextString("signing_certificate");
        WriteIntegers(writer, Encoding.ASCII.GetBytes(pem));
        writer.WriteTextString("signature");
        WriteIntegers(writer, cose);
        writer.WriteEndMap();
        writer.WriteEndArray();
        return writer.Encode();
    }

    private static void WriteIntegers(CborWriter writer, byte[] bytes)
    {
        writer.WriteStartArray(bytes.Length);
        foreach (byte value in bytes)
            writer.WriteUInt32(value);
        writer.WriteEndArray();
    }
}
