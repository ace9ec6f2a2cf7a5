using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Engine.Tests.Eif;

/// <summary>Images of ours as others read them, and an image whose PCRs others have computed.</summary>
public class OtherImplementationTests
{
    // openssl req -new -x509; the key was thrown away.
    private const string Certificate = """
        -----BEGIN CERTIFICATE-----
        MIICDTCCAZKgAwIBAgIUF6Y3exI9uid0Yrhu/m5C/cqiv08wCgYIKoZIzj0EAwMw
        PDELMAkGA1UEBhMCVVMxFzAVBgNVBAoMDkVuY2xhdmVUZXN0aW5nMRQwEgYDVQQD
        DAt0ZXN0IHNpZ25lcjAgFw0yNjExMjQyMTQ1MDBaGA8yMTI2MTAzMTIxNDUwMFow
        PDELMAkGA1UEBhMCVVMxFzAVBgNVBAoMDkVuY2xhdmVUZXN0aW5nMRQwEgYDVQQD
        DAt0ZXN0IHNpZ25lcjB2MBAGByqGSM49AgEGBSuBBAAiA2IABFx4mFASdw11efSt
        8wfUxJ3cFAM8YYmzMmS9ur371TrWIdTCZpl40aPZlOwZvgr25x2sus1GauNH4ON+
        Xqykd1kZ5zMP6IdI0gU0Xjeo8C0NMDSzRP+pKO1huC41hKaCIaNTMFEwHQYDVR0O
        BBYEFL4nVPeYBxIkIYP3+uYof8wlq95+MB8GA1UdIwQYMBaAFL4nVPeYBxIkIYP3
        +uYof8wlq95+MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwMDaQAwZgIxAMos
        Yh6RBP6OsED10MUdhnCcZza2It+wPNFlB/M5/cGBOBl1waYf1kcnAjEGxBHuKAIx
        AJLFYaGgXAcNeXKjHQZSkJ5ssP7wQi8Me6xgvjzULX0pXjlg4NorbapubM//5S2w
        yg==
        -----END CERTIFICATE-----

        """;

    /// <summary>The loader of QEMU 10.0.13 (hw/core/eif.c, built with libcbor) printed these for an image of the same parts.</summary>
    [Fact]
    public void PCRs_are_those_that_QEMUs_loader_computes()
    {
        byte[] image = new RawEif()
            .Add(1, Pattern(5000, 0))
            .Add(2, "console=ttyS0 reboot=k"u8.ToArray())
            .Add(3, Pattern(3000, 1))
            .Add(3, Pattern(7000, 2))
            .Add(3, Pattern(1, 3))
            .Add(4, SignatureSection(Certificate.ReplaceLineEndings("\n")))
            .Build();
        string[] pcrs =
        [
            "9c3571c84ff3d3fc191eaecf9d51af4a4a17448d92fed0a3f56e302f997dd8c96d743ba4239702e8bcb9d65b053b18f0",
            "1e5c506ed9356af7f4c8731a6212430a712d8b95c012bce2adee60e07033ba67821454127c4b7924e11e03a0ac9811b8",
            "bc5983e1ca2a35f3035f9a73e823a44435c4a5efcdf70c01f57079c40eebfbecbcecb3489d02adc40ea8c262a28cbe58",
            "cdf13a8fbcc0cd24e3b881dcd8b807a4e623ffe9d6586f3c14aa21652ade8bfda616cec5ac915e3c8cb1a053e7816844",
        ];

        using EifImage read = EifImage.Load(image);
        using EifImage built = EifImage.Load(Builder().Build());

        new[] { read.Measurements.Pcr0, read.Measurements.Pcr1, read.Measurements.Pcr2, read.Measurements.Pcr8!.Value }
            .Select(pcr => pcr.ToString()).Should().Equal(pcrs);
        new[] { built.Measurements.Pcr0, built.Measurements.Pcr1, built.Measurements.Pcr2 }.Select(pcr => pcr.ToString()).Should().Equal(pcrs[..3]);
        QemuLoader.Load(image).Pcrs.Should().Equal(pcrs);
    }

    [Theory]
    [InlineData(1, false, false)]
    [InlineData(2, true, false)]
    [InlineData(2, true, true)]
    [InlineData(27, true, true)]
    public void Images_of_ours_follow_the_rules_of_QEMUs_loader(int ramdisks, bool metadata, bool signed)
    {
        EifBuilder builder = new EifBuilder().WithKernel(Pattern(3000, 9)).WithCommandLine("console=ttyS0 text=\u00e4");
        for (int i = 0; i < ramdisks; i++)
            builder = builder.AddRamdisk(Pattern(100 * i, i));
        if (metadata)
            builder = builder.WithMetadata(new EifMetadata("name", "1", new EifBuildMetadata()));
        if (signed)
        {
            using X509Certificate2 certificate = Certificates.Create(ECCurve.NamedCurves.nistP384, out ECDsa key);
            builder = builder.WithSigning(certificate.ExportCertificatePem(), key.ExportECPrivateKeyPem());
            key.Dispose();
        }

        byte[] bytes = builder.AddSection((EifSectionType)77, Pattern(10, 0)).Build();
        using EifImage image = EifImage.Load(bytes);
        QemuLoader loaded = QemuLoader.Load(bytes);

        loaded.CommandLine.Should().Be("console=ttyS0 text=\u00e4");
        loaded.Kernel.Should().Equal(Pattern(3000, 9));
        loaded.Initrd.Should().Equal(Enumerable.Range(0, ramdisks).SelectMany(i => Pattern(100 * i, i)));
        PcrValue?[] own = [image.Measurements.Pcr0, image.Measurements.Pcr1, image.Measurements.Pcr2, image.Measurements.Pcr8];
        loaded.Pcrs.Should().Equal(own.Where(pcr => pcr is not null).Select(pcr => pcr!.Value.ToString()));
    }

    private static EifBuilder Builder() => new EifBuilder().WithKernel(Pattern(5000, 0)).WithCommandLine("console=ttyS0 reboot=k")
        .AddRamdisk(Pattern(3000, 1)).AddRamdisk(Pattern(7000, 2)).AddRamdisk(Pattern(1, 3));

    private static byte[] Pattern(int length, int start) => [.. Enumerable.Range(start, length).Select(i => (byte)((i * 7) + (i >> 8)))];

    private static byte[] SignatureSection(string certificate)
    {
        var writer = new CborWriter();
        writer.WriteStartArray(1);
        writer.WriteStartMap(2);
        writer.WriteTextString("signing_certificate");
        WriteNumbers(Encoding.ASCII.GetBytes(certificate));
        writer.WriteTextString("signature");
        WriteNumbers(Message());
        writer.WriteEndMap();
        writer.WriteEndArray();
        return writer.Encode();

        // Of the right form, about a register that is zero, and signed by nobody: PCR8 is the certificate's alone.
        static byte[] Message() =>
        [
            0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0,
            0x58, 82, 0xa2, 0x6e, .. "register_index"u8, 0x00, 0x6e, .. "register_value"u8, 0x58, 48, .. new byte[48],
            0x58, 96, .. new byte[96],
        ];

        void WriteNumbers(byte[] bytes)
        {
            writer.WriteStartArray(bytes.Length);
            foreach (byte value in bytes)
                writer.WriteInt32(value);
            writer.WriteEndArray();
        }
    }
}
