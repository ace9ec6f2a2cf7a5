using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EnclaveTesting.Attestation;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Tests.Attestation;

public sealed class AttestationDocumentTests
{
    private static readonly DateTimeOffset Now = new(2025, 6, 1, 12, 30, 15, 250, TimeSpan.Zero);

    [Fact]
    public void A_document_tells_what_it_attests()
    {
        var document = AttestationDocument.Parse(Documents.Create(
            new NsmOptions { InstanceId = "i-0abc", RoleArn = "role" }, new FixedTime(Now), userData: [1], nonce: [2, 2], publicKey: [3, 3, 3]));

        document.ModuleId.Should().Be("i-0abc-enc0123456789abcdef");
        document.Digest.Should().Be("SHA384");
        document.Timestamp.Should().Be(Now);
        document.Pcrs.Keys.Should().Equal(Enumerable.Range(0, 16));
        document.Pcrs[0].Should().Be(Documents.Measurements.Pcr0);
        document.Pcrs[8].Should().Be(Documents.Measurements.Pcr8);
        document.Pcrs[3].IsZero.Should().BeFalse();
        document.UserData!.Value.ToArray().Should().Equal(1);
        document.Nonce!.Value.ToArray().Should().Equal(2, 2);
        document.PublicKey!.Value.ToArray().Should().Equal(3, 3, 3);
        document.CaBundle.Should().HaveCount(4);
        document.Signature.Length.Should().Be(96);
    }

    [Fact]
    public void What_the_enclave_did_not_give_is_null()
    {
        var document = AttestationDocument.Parse(Documents.Create());

        document.UserData.Should().BeNull();
        document.Nonce.Should().BeNull();
        document.PublicKey.Should().BeNull();
    }

    [Fact]
    public void A_document_verifies_against_what_is_expected()
    {
        var document = AttestationDocument.Parse(Documents.Create(nonce: [7], userData: [8], publicKey: [9]));

        document.Verify(AttestationPolicy.Trusting() with
        {
            Pcrs = new Dictionary<int, PcrValue> { [0] = Documents.Measurements.Pcr0, [8] = Documents.Measurements.Pcr8!.Value },
            Nonce = new byte[] { 7 },
            UserData = new byte[] { 8 },
            PublicKey = new byte[] { 9 },
        });
        document.Verify(AttestationPolicy.Trusting(AttestationAuthority.Default.RootCertificatePem));
    }

    public static TheoryData<AttestationStep, AttestationFaults> Faults => new()
    {
        { AttestationStep.CertificateValidity, new AttestationFaults { ExpiredCertificate = true } },
        { AttestationStep.RootOfTrust, new AttestationFaults { WrongRoot = true } },
        { AttestationStep.Pcrs, new AttestationFaults { WrongPcr = 0 } },
        { AttestationStep.Signature, new AttestationFaults { CorruptedSignature = true } },
        { AttestationStep.RequiredFields, new AttestationFaults { MissingField = "pcrs" } },
        { AttestationStep.RequiredFields, new AttestationFaults { MissingField = "cabundle" } },
        { AttestationStep.Nonce, new AttestationFaults { MissingField = "nonce" } },
        { AttestationStep.Timestamp, new AttestationFaults { StaleBy = TimeSpan.FromMinutes(10) } },
        { AttestationStep.Timestamp, new AttestationFaults { StaleBy = TimeSpan.FromMinutes(-10) } },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public void Each_fault_fails_at_its_own_step(AttestationStep step, AttestationFaults faults)
    {
        var policy = AttestationPolicy.Trusting() with
        {
            Pcrs = new Dictionary<int, PcrValue> { [0] = Documents.Measurements.Pcr0 },
            Nonce = new byte[] { 7 },
            TimeProvider = new FixedTime(Now),
        };
        AttestationDocument.Parse(Documents.Create(time: new FixedTime(Now), nonce: [7])).Verify(policy);

        byte[] wrong = Documents.Create(new NsmOptions { Faults = faults }, new FixedTime(Now), nonce: [7]);

        ((Action)(() => AttestationDocument.Parse(wrong).Verify(policy))).Should().Throw<AttestationException>()
            .Which.Step.Should().Be(step);
    }

    [Fact]
    public void What_is_not_as_expected_is_named()
    {
        var document = AttestationDocument.Parse(Documents.Create(nonce: [7]));
        var policy = AttestationPolicy.Trusting();

        Failure(policy with { Pcrs = new Dictionary<int, PcrValue> { [1] = default } })
            .Should().Be((AttestationStep.Pcrs, $"The attestation document fails at Pcrs: PCR1 is {Documents.Measurements.Pcr1}, not {default(PcrValue)}."));
        Failure(policy with { Pcrs = new Dictionary<int, PcrValue> { [16] = default } })
            .Should().Be((AttestationStep.Pcrs, "The attestation document fails at Pcrs: PCR16 is not in it."));
        Failure(policy with { Nonce = new byte[] { 8 } }).Should().Be((AttestationStep.Nonce, "The attestation document fails at Nonce: it is 07, not 08."));
        Failure(policy with { UserData = new byte[] { 8 } })
            .Should().Be((AttestationStep.UserData, "The attestation document fails at UserData: there is none; 08 was expected."));
        Failure(AttestationPolicy.Trusting(AttestationAuthority.Create()))
            .Should().Be((AttestationStep.RootOfTrust, "The attestation document fails at RootOfTrust: the bundle does not begin with the trusted root certificate."));

        (AttestationStep, string) Failure(AttestationPolicy it)
        {
            var exception = ((Action)(() => document.Verify(it))).Should().Throw<AttestationException>().Which;
            return (exception.Step, exception.Message);
        }
    }

    [Fact]
    public void Any_age_can_be_allowed()
    {
        var document = AttestationDocument.Parse(Documents.Create(new NsmOptions { Faults = new AttestationFaults { StaleBy = TimeSpan.FromDays(1000) } }));

        document.Verify(AttestationPolicy.Trusting() with { MaximumAge = null });
    }

    [Fact]
    public void A_document_outlives_neither_its_certificate_nor_its_age()
    {
        var document = AttestationDocument.Parse(Documents.Create(time: new FixedTime(Now)));
        var policy = AttestationPolicy.Trusting();

        document.Verify(policy with { TimeProvider = new FixedTime(Now.AddMinutes(5)) });
        Step(Now.AddMinutes(6)).Should().Be(AttestationStep.Timestamp);
        Step(Now.AddHours(4)).Should().Be(AttestationStep.CertificateValidity);
        Step(Now.AddHours(-1)).Should().Be(AttestationStep.CertificateValidity);

        AttestationStep Step(DateTimeOffset time) =>
            ((Action)(() => document.Verify(policy with { TimeProvider = new FixedTime(time) }))).Should().Throw<AttestationException>().Which.Step;
    }

    [Fact]
    public void Every_changed_bit_is_noticed()
    {
        byte[] encoded = Documents.Create(nonce: [1, 2, 3, 4]);
        var policy = AttestationPolicy.Trusting();
        int seed = Environment.TickCount;
        var random = new Random(seed);

        for (int i = 0; i < 500; i++)
        {
            byte[] changed = [.. encoded];
            int position = random.Next(changed.Length);
            changed[position] ^= (byte)(1 << random.Next(8));
            ((Action)(() => AttestationDocument.Parse(changed).Verify(policy)))
                .Should().Throw<AttestationException>("seed {0}, byte {1}", seed, position);
        }
    }

    [Fact]
    public void Every_truncation_is_malformed()
    {
        byte[] encoded = Documents.Create();

        for (int length = 0; length < encoded.Length; length += 13)
        {
            ((Action)(() => AttestationDocument.Parse(encoded.AsMemory(0, length)))).Should().Throw<AttestationException>()
                .Which.Step.Should().Be(AttestationStep.Encoding);
        }
    }

    [Fact]
    public void A_tag_and_members_of_indefinite_length_are_read()
    {
        // COSE_Sign1's tag is optional, and AWS has begun to write the payload as a map of indefinite length.
        var document = AttestationDocument.Parse(Documents.Create());
        var payload = new CborWriter();
        payload.WriteStartMap(null);
        var reader = new CborReader(document.Payload);
        reader.ReadStartMap();
        while (reader.PeekState() != CborReaderState.EndMap)
            payload.WriteEncodedValue(reader.ReadEncodedValue().Span);
        payload.WriteEndMap();

        var again = AttestationDocument.Parse(Message(payload.Encode(), tagged: true));

        again.Pcrs.Should().Equal(document.Pcrs);
        again.ModuleId.Should().Be(document.ModuleId);
        ((Action)(() => again.Verify(AttestationPolicy.Trusting()))).Should().Throw<AttestationException>().Which.Step.Should().Be(AttestationStep.Signature);
    }

    [Theory]
    [InlineData("module_id", "60", AttestationStep.FieldContent)]
    [InlineData("module_id", "f6", AttestationStep.RequiredFields)]
    [InlineData("module_id", "01", AttestationStep.FieldContent)]
    [InlineData("digest", "66534841323536", AttestationStep.FieldContent)]
    [InlineData("timestamp", "00", AttestationStep.FieldContent)]
    [InlineData("timestamp", "1bffffffffffffffff", AttestationStep.FieldContent)]
    [InlineData("timestamp", "1b7fffffffffffffff", AttestationStep.FieldContent)]
    [InlineData("pcrs", "a0", AttestationStep.FieldContent)]
    [InlineData("pcrs", "a10040", AttestationStep.FieldContent)]
    [InlineData("pcrs", "a11820" + "5830" + "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000", AttestationStep.FieldContent)]
    [InlineData("certificate", "40", AttestationStep.FieldContent)]
    [InlineData("certificate", "6161", AttestationStep.FieldContent)]
    [InlineData("cabundle", "80", AttestationStep.FieldContent)]
    [InlineData("cabundle", "8140", AttestationStep.FieldContent)]
    [InlineData("public_key", "40", AttestationStep.FieldContent)]
    [InlineData("nonce", "6161", AttestationStep.FieldContent)]
    public void Members_are_checked(string member, string value, AttestationStep step)
    {
        var document = AttestationDocument.Parse(Documents.Create());
        var payload = new CborWriter(CborConformanceMode.Lax);
        payload.WriteStartMap(9);
        var reader = new CborReader(document.Payload);
        for (reader.ReadStartMap(); reader.PeekState() != CborReaderState.EndMap;)
        {
            string name = reader.ReadTextString();
            var encoded = reader.ReadEncodedValue();
            payload.WriteTextString(name);
            payload.WriteEncodedValue(name == member ? Convert.FromHexString(value) : encoded.Span);
        }

        payload.WriteEndMap();

        ((Action)(() => AttestationDocument.Parse(Message(payload.Encode())))).Should().Throw<AttestationException>().Which.Step.Should().Be(step);
    }

    [Fact]
    public void Another_algorithm_is_refused()
    {
        var document = AttestationDocument.Parse(Documents.Create());

        foreach (string header in (string[])["a10126", "a0", "", "a1013823", "a2013822200a"])
        {
            var changed = AttestationDocument.Parse(Message(document.Payload.ToArray(), header: header));
            ((Action)(() => changed.Verify(AttestationPolicy.Trusting()))).Should().Throw<AttestationException>()
                .Which.Step.Should().Be(header == "a2013822200a" ? AttestationStep.Signature : AttestationStep.Algorithm);
        }
    }

    [Fact]
    public void A_path_must_be_one_of_authorities()
    {
        // Each path is signed all the way down; only what its certificates are for is wrong.
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var middleKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP384);

        Step(Authority(), Authority(), Leaf()).Should().BeNull();
        Step(Authority(), [new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true)], Leaf()).Should().Be(AttestationStep.CertificateUsage);
        Step(Authority(pathLength: 0), Authority(), Leaf()).Should().Be(AttestationStep.CertificateUsage);
        Step(Authority(), Authority(X509KeyUsageFlags.CrlSign), Leaf()).Should().Be(AttestationStep.CertificateUsage);
        Step(Authority(), Authority(), Authority()).Should().Be(AttestationStep.CertificateUsage);
        Step(Authority(), Authority(), [new X509KeyUsageExtension(X509KeyUsageFlags.KeyAgreement, true)]).Should().Be(AttestationStep.CertificateUsage);
        Step(Authority(), [.. Authority(), new X509Extension("1.2.3.4", [5, 0], critical: true)], Leaf()).Should().Be(AttestationStep.CertificateUsage);
        Step(Authority(), Authority(), Leaf(), brokenLink: true).Should().Be(AttestationStep.CertificateChain);

        X509Extension[] Authority(X509KeyUsageFlags usage = X509KeyUsageFlags.KeyCertSign, int? pathLength = null) =>
            [new X509BasicConstraintsExtension(true, pathLength is not null, pathLength ?? 0, true), new X509KeyUsageExtension(usage, true)];
        X509Extension[] Leaf() => [new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, false)];

        AttestationStep? Step(X509Extension[] root, X509Extension[] middle, X509Extension[] leaf, bool brokenLink = false)
        {
            byte[] rootDer = Issue("root", rootKey, "root", rootKey, root);
            byte[] middleDer = Issue("middle", middleKey, "root", brokenLink ? leafKey : rootKey, middle);
            byte[] leafDer = Issue("leaf", leafKey, "middle", middleKey, leaf);
            try
            {
                CertificatePath.Verify([rootDer, middleDer, leafDer], rootDer, Now).Dispose();
                return null;
            }
            catch (AttestationException exception)
            {
                return exception.Step;
            }
        }

        byte[] Issue(string subject, ECDsa key, string issuer, ECDsa issuerKey, X509Extension[] extensions)
        {
            var request = new CertificateRequest($"CN={subject}", key, HashAlgorithmName.SHA384);
            foreach (var extension in extensions)
                request.CertificateExtensions.Add(extension);
            using var certificate = request.Create(new X500DistinguishedName($"CN={issuer}"), X509SignatureGenerator.CreateForECDsa(issuerKey),
                Now.AddDays(-1), Now.AddDays(1), [1]);
            return certificate.RawData;
        }
    }

    [Fact]
    public void A_document_reads_well()
    {
        var options = new NsmOptions { Authority = AttestationAuthority.Create(), InstanceId = "i-0abc", RoleArn = "role" };
        string text = AttestationDocument.Parse(Documents.Create(options, new FixedTime(Now), nonce: [1, 2], userData: new byte[100])).ToString();

        text.Should().MatchRegex(
            $"""
            ^module_id    i-0abc-enc0123456789abcdef
            timestamp    2025-06-01T12:30:15\.250Z
            digest       SHA384
            PCR0         (a0)+
            PCR1         (a1)+
            PCR2         (a2)+
            PCR3         {default(PcrValue).Extend("role"u8)}
            PCR4         {default(PcrValue).Extend("i-0abc"u8)}
            PCR8         (a8)+
            certificate  i-0abc-enc0123456789abcdef\.us-east-1\.aws, 2025-06-01 11:59:57Z to 2025-06-01 15:00:00Z
            issued by    i-0abc\.us-east-1\.aws\.nitro-enclaves, .*
            issued by    [0-9a-f]+\.zonal\.us-east-1\.aws\.nitro-enclaves, .*
            issued by    [0-9a-f]+\.us-east-1\.aws\.nitro-enclaves, .*
            issued by    aws\.nitro-enclaves, .*
            user_data    0+\.\.\. \(100 bytes\)
            nonce        0102
            $
            """.ReplaceLineEndings("\n"));
    }

    private static byte[] Message(byte[] payload, bool tagged = false, string header = "a1013822")
    {
        var writer = new CborWriter(CborConformanceMode.Lax);
        if (tagged)
            writer.WriteTag((CborTag)18);
        writer.WriteStartArray(4);
        writer.WriteByteString(Convert.FromHexString(header));
        writer.WriteStartMap(0);
        writer.WriteEndMap();
        writer.WriteByteString(payload);
        writer.WriteByteString(new byte[96]);
        writer.WriteEndArray();
        return writer.Encode();
    }
}
