using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using EnclaveTesting.Attestation;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Tests.Attestation;
using EnclaveTesting.Tests.Lifecycle;
using EnclaveTesting.Tests.Shared;
using EnclaveTesting.Xunit;

namespace EnclaveTesting.Tests.Nsm;

/// <summary>What a test author says about the security module, as it shows in a booted enclave and in its attestation documents.</summary>
public class NsmOptionsTests
{
    private const NsmGuestKind BareMetalOnKvm = NsmGuestKind.BareMetalOnKvm;
    private const NsmGuestKind BareMetalOnSoftware = NsmGuestKind.BareMetalOnSoftware;
    private const string Role = "arn:aws:iam::111122223333:role/signer";

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware)]
    public async Task Registers_come_from_image_signature_role_and_instance(NsmGuestKind kind)
    {
        var (certificatePem, keyPem) = CreateSigner();
        EifBuilder image = Guest.Image("nsm").AddRamdisk(new byte[100]).WithSigning(certificatePem, keyPem);
        await using Enclave enclave = await NsmGuests.StartAsync(NsmGuests.Builder(kind).WithImage(image)
            .WithNsm(new NsmOptions { RoleArn = Role, InstanceId = "i-0aaaaaaaaaaaaaaaa", Region = "eu-west-3" }));
        using EifImage measured = EifImage.Load(image.Build());
        using var certificate = X509Certificate2.CreateFromPem(certificatePem);

        enclave.Pcrs[0].Should().Be(measured.Measurements.Pcr0);
        enclave.Pcrs[1].Should().Be(measured.Measurements.Pcr1);
        enclave.Pcrs[2].Should().Be(measured.Measurements.Pcr2).And.NotBe(enclave.Pcrs[1]);
        enclave.Pcrs[3].Should().Be(Direct(Role));
        enclave.Pcrs[4].Should().Be(Direct("i-0aaaaaaaaaaaaaaaa"));
        enclave.Pcrs[8].Should().Be(PcrValue.Measure(certificate.RawData));
        enclave.Pcrs.Where((pcr, i) => i is not (0 or 1 or 2 or 3 or 4 or 8)).Should().OnlyContain(pcr => pcr.IsZero);

        AttestationDocument document = await AttestAsync(enclave);
        document.Verify(AttestationPolicy.Trusting());
        document.Pcrs.Should().BeEquivalentTo(enclave.Pcrs.Take(16).Select((it, i) => KeyValuePair.Create(i, it)));
        document.ModuleId.Should().Be("i-0aaaaaaaaaaaaaaaa-enc0123456789abcdef");
        using var signer = X509CertificateLoader.LoadCertificate(document.Certificate.Span);
        signer.Subject.Should().Contain("CN=i-0aaaaaaaaaaaaaaaa-enc0123456789abcdef.eu-west-3.aws");

        static PcrValue Direct(string text) => new(SHA384.HashData([.. new byte[48], .. Encoding.ASCII.GetBytes(text)]));
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware)]
    public async Task Debug_mode_attests_nothing_of_the_image(NsmGuestKind kind)
    {
        var (certificatePem, keyPem) = CreateSigner();
        await using Enclave enclave = await NsmGuests.StartAsync(NsmGuests.Builder(kind)
            .WithImage(Guest.Image("nsm").WithSigning(certificatePem, keyPem)).WithNsm(new NsmOptions { RoleArn = Role }).WithDebugMode());

        foreach (int index in (int[])[0, 1, 2, 8])
            enclave.Pcrs[index].IsZero.Should().BeTrue();
        enclave.Pcrs[3].IsZero.Should().BeFalse();
        enclave.Measurements.Pcr0.IsZero.Should().BeFalse();
        AttestationDocument document = await AttestAsync(enclave);
        document.Verify(AttestationPolicy.Trusting() with { Pcrs = new Dictionary<int, PcrValue> { [0] = default, [8] = default } });
        Step(document, AttestationPolicy.Trusting() with { Pcrs = new Dictionary<int, PcrValue> { [0] = enclave.Measurements.Pcr0 } }).Should().Be(AttestationStep.Pcrs);
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware)]
    public async Task Registers_can_be_overridden_for_negative_tests(NsmGuestKind kind)
    {
        var other = new PcrValue(SHA384.HashData("another image"u8));
        await using Enclave enclave = await NsmGuests.StartAsync(NsmGuests.Builder(kind)
            .WithNsm(new NsmOptions { PcrOverrides = new Dictionary<int, PcrValue> { [0] = other, [20] = other } }));
        await using NsmBridge nsm = await NsmBridge.ConnectAsync(enclave);

        enclave.Pcrs[0].Should().Be(other).And.NotBe(enclave.Measurements.Pcr0);
        Cbor.Member(await nsm.AskAsync("DescribePCR", ("index", 0)), "DescribePCR", "data").Should().BeEquivalentTo(other.ToArray());
        Cbor.Member(await nsm.AskAsync("ExtendPCR", ("index", 20), ("data", new byte[] { 1 })), "ExtendPCR", "data").Should().BeEquivalentTo(other.Extend([1]).ToArray());
        AttestationDocument document = await AttestAsync(enclave);
        document.Verify(AttestationPolicy.Trusting() with { Pcrs = new Dictionary<int, PcrValue> { [0] = other } });
        document.Pcrs.Keys.Should().NotContain(20, "it is not locked");
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware)]
    public async Task Faults_can_be_set_before_and_while_the_enclave_runs(NsmGuestKind kind)
    {
        await using Enclave enclave = await NsmGuests.StartAsync(NsmGuests.Builder(kind)
            .WithNsm(new NsmOptions { Faults = new AttestationFaults { CorruptedSignature = true } }));
        var policy = AttestationPolicy.Trusting() with { Pcrs = new Dictionary<int, PcrValue> { [0] = enclave.Measurements.Pcr0 } };

        (await StepAsync()).Should().Be(AttestationStep.Signature);
        (await StepAsync(new AttestationFaults { ExpiredCertificate = true })).Should().Be(AttestationStep.CertificateValidity);
        (await StepAsync(new AttestationFaults { WrongRoot = true })).Should().Be(AttestationStep.RootOfTrust);
        (await StepAsync(new AttestationFaults { WrongPcr = 0 })).Should().Be(AttestationStep.Pcrs);
        (await StepAsync(new AttestationFaults { MissingField = "certificate" })).Should().Be(AttestationStep.RequiredFields);
        (await StepAsync(new AttestationFaults { StaleBy = TimeSpan.FromMinutes(6) })).Should().Be(AttestationStep.Timestamp);
        (await StepAsync(AttestationFaults.None)).Should().BeNull();
        enclave.Pcrs[0].Should().Be(enclave.Measurements.Pcr0, "only the documents are wrong");

        async Task<AttestationStep?> StepAsync(AttestationFaults? faults = null)
        {
            enclave.AttestationFaults = faults ?? enclave.AttestationFaults;
            try
            {
                return Step(await AttestAsync(enclave), policy);
            }
            catch (AttestationException exception)
            {
                return exception.Step;
            }
        }
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware)]
    public async Task An_authority_that_is_kept_signs_for_every_run(NsmGuestKind kind)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("authority-");
        try
        {
            string path = Path.Combine(directory.FullName, "authority.p12");
            string configuredRoot = AttestationAuthority.LoadOrCreate(path).RootCertificatePem;

            for (int run = 0; run < 2; run++)
            {
                await using Enclave enclave = await NsmGuests.StartAsync(NsmGuests.Builder(kind).WithNsm(new NsmOptions { Authority = AttestationAuthority.LoadOrCreate(path) }));
                AttestationDocument document = await AttestAsync(enclave);
                document.Verify(AttestationPolicy.Trusting(configuredRoot));
                Step(document, AttestationPolicy.Trusting()).Should().Be(AttestationStep.RootOfTrust);
            }
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Documents_have_the_hosts_time_unless_virtual_time_is_asked_for()
    {
        await using Enclave byDefault = await NsmGuests.StartAsync(NsmGuests.Builder(BareMetalOnSoftware));
        AttestationDocument document = await AttestAsync(byDefault);
        document.Verify(AttestationPolicy.Trusting());
        document.Verify(AttestationPolicy.Trusting() with { TimeProvider = byDefault.TimeOfDay });

        await using Enclave asked = await NsmGuests.StartAsync(NsmGuests.Builder(BareMetalOnSoftware).WithTime(MachineTime.Virtual));
        document = await AttestAsync(asked);
        document.Verify(AttestationPolicy.Trusting() with { TimeProvider = asked.TimeOfDay });
        document.Timestamp.Should().BeCloseTo(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), TimeSpan.FromHours(1));
    }

    [EnclaveTheory, NsmGuest(BareMetalOnKvm), NsmGuest(BareMetalOnSoftware)]
    public async Task Documents_and_certificates_follow_the_enclaves_clock(NsmGuestKind kind)
    {
        var clock = new SettableTime { Now = new DateTimeOffset(2031, 2, 3, 4, 5, 6, 789, TimeSpan.Zero) };
        await using Enclave enclave = await NsmGuests.StartAsync(NsmGuests.Builder(kind).WithTimeOfDay(clock));
        var policy = AttestationPolicy.Trusting() with { TimeProvider = clock };

        AttestationDocument first = await AttestAsync(enclave);
        first.Verify(policy);
        first.Timestamp.Should().Be(clock.Now);
        // Three hours from the last multiple of one and a half.
        var begin = new DateTimeOffset(2031, 2, 3, 3, 0, 0, TimeSpan.Zero);
        ValidityOf(first).Should().Be((begin.AddSeconds(-3), begin.AddHours(3)));
        Step(first, AttestationPolicy.Trusting()).Should().Be(AttestationStep.CertificateValidity, "it is not 2031 yet");

        // Certificates are renewed in time, also after a day, and when the clock is set back; old documents run out.
        foreach (TimeSpan step in (TimeSpan[])[TimeSpan.FromHours(1), TimeSpan.FromHours(1), TimeSpan.FromDays(1), TimeSpan.FromDays(400), TimeSpan.FromDays(-3000)])
        {
            clock.Now += step;
            AttestationDocument document = await AttestAsync(enclave);
            document.Verify(policy);
            document.Timestamp.Should().Be(clock.Now);
        }

        Step(first, policy).Should().Be(AttestationStep.CertificateValidity);

        // A time that no certificate can name is the module's error, not the machine's end.
        clock.Now = DateTimeOffset.MaxValue;
        await using NsmBridge nsm = await NsmBridge.ConnectAsync(enclave);
        Cbor.ErrorOf(await nsm.AskAsync("Attestation")).Should().Be("InternalError");
        clock.Now = DateTimeOffset.MinValue;
        Cbor.ErrorOf(await nsm.AskAsync("Attestation")).Should().Be("InternalError");
        Cbor.Member(await nsm.AskAsync("DescribeNSM"), "DescribeNSM");

        static (DateTimeOffset, DateTimeOffset) ValidityOf(AttestationDocument document)
        {
            using var certificate = X509CertificateLoader.LoadCertificate(document.Certificate.Span);
            return (certificate.NotBefore.ToUniversalTime(), certificate.NotAfter.ToUniversalTime());
        }
    }

    [OpenSslFact]
    public async Task A_script_with_openssl_verifies_the_document_of_a_booted_enclave()
    {
        await using Enclave enclave = await NsmGuests.StartAsync(Guest.Of("nsm").WithCommandLine("nsm.serve")
            .WithParent(parent => parent.Port(9001).Expect("ready\n")).WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)))
            .WithNsm(new NsmOptions { RoleArn = Role }));

        // ECDSA's numbers are sometimes shorter and sometimes have their highest bit set: more than one.
        for (int i = 0; i < 8; i++)
        {
            AttestationDocument document = await AttestAsync(enclave, ("nonce", new byte[] { 0xab, (byte)i }), ("user_data", "text"));
            var (status, text) = await VerifyAsync(document, AttestationAuthority.Default.RootCertificatePem);

            status.Should().Be(0, text);
            text.Should().EndWith("verified\n").And.Contain($"pcr0 {enclave.Pcrs[0]}\n").And.Contain($"pcr3 {enclave.Pcrs[3]}\n").And.Contain($"nonce ab0{i}\n")
                .And.Contain("user_data 74657874\n").And.Contain(string.Create(CultureInfo.InvariantCulture, $"timestamp {document.Timestamp.ToUnixTimeMilliseconds()}\n"))
                .And.NotContain("pcr5").And.NotContain("public_key");
        }

        (await WithFaultAsync(new AttestationFaults { CorruptedSignature = true })).Should().Contain("the signature is wrong");
        (await WithFaultAsync(new AttestationFaults { ExpiredCertificate = true })).Should().Contain("certificate has expired");
        (await WithFaultAsync(new AttestationFaults { WrongRoot = true })).Should().Contain("does not begin with the trusted root");
        (await VerifyAsync(await AttestAsync(enclave), AttestationAuthority.Create().RootCertificatePem)).Status.Should().Be(1);

        async Task<string> WithFaultAsync(AttestationFaults faults)
        {
            enclave.AttestationFaults = faults;
            var (status, text) = await VerifyAsync(await AttestAsync(enclave), AttestationAuthority.Default.RootCertificatePem);
            status.Should().Be(1, text);
            return text;
        }
    }

    private static async Task<(int Status, string Text)> VerifyAsync(AttestationDocument document, string root)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("document-");
        try
        {
            string path = Path.Combine(directory.FullName, "document.cbor"), rootPath = Path.Combine(directory.FullName, "root.pem");
            await File.WriteAllBytesAsync(path, document.Encoded.ToArray());
            await File.WriteAllTextAsync(rootPath, root);
            var start = new ProcessStartInfo("/bin/sh", [Path.Combine(AppContext.BaseDirectory, "verify-attestation.sh"), path, rootPath])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process process = Process.Start(start)!;
            Task<string> error = process.StandardError.ReadToEndAsync();
            string output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            return (process.ExitCode, output + await error);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static async Task<AttestationDocument> AttestAsync(Enclave enclave, params (string, object?)[] parameters)
    {
        await using NsmBridge nsm = await NsmBridge.ConnectAsync(enclave);
        return AttestationDocument.Parse(await nsm.AttestAsync(parameters));
    }

    private static AttestationStep? Step(AttestationDocument document, AttestationPolicy policy)
    {
        try
        {
            document.Verify(policy);
            return null;
        }
        catch (AttestationException exception)
        {
            return exception.Step;
        }
    }

    private static (string Certificate, string Key) CreateSigner()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using X509Certificate2 certificate = new CertificateRequest("CN=signer", key, HashAlgorithmName.SHA384)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return (certificate.ExportCertificatePem(), key.ExportECPrivateKeyPem());
    }

    private sealed class SettableTime : TimeProvider
    {
        private long _ticks;

        public DateTimeOffset Now
        {
            get => new(Interlocked.Read(ref _ticks), TimeSpan.Zero);
            set => Interlocked.Exchange(ref _ticks, value.UtcTicks);
        }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
