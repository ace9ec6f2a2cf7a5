using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using EnclaveTesting.Engine.Devices.Nsm;

namespace EnclaveTesting.Engine.Tests.Nsm;

public sealed class AttestationAuthorityTests
{
    private static readonly DateTimeOffset Now = new(2025, 6, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Certificates_have_the_subjects_of_AWS()
    {
        var chain = Issue(AttestationAuthority.Create(), Now);

        string[] subjects = [.. chain.Select(it => it.SubjectName.Decode(X500DistinguishedNameFlags.None))];
        Assert.Equal("C=US, O=Amazon, OU=AWS, CN=aws.nitro-enclaves", subjects[0]);
        Assert.Matches("^C=US, O=Amazon, OU=AWS, CN=[0-9a-f]{16}\\.eu-west-3\\.aws\\.nitro-enclaves$", subjects[1]);
        Assert.Matches("^CN=[0-9a-f]{16}\\.zonal\\.eu-west-3\\.aws\\.nitro-enclaves, OU=AWS, O=Amazon, C=US, S=WA, L=Seattle$", subjects[2]);
        Assert.Equal("C=US, S=Washington, L=Seattle, O=Amazon, OU=AWS, CN=i-0abc.eu-west-3.aws.nitro-enclaves", subjects[3]);
        Assert.Equal("C=US, S=Washington, L=Seattle, O=Amazon, OU=AWS, CN=i-0abc-enc0def.eu-west-3.aws", subjects[4]);
    }

    [Fact]
    public void Certificates_have_the_lifetimes_of_AWS()
    {
        var chain = Issue(AttestationAuthority.Create(), Now);

        Assert.Equal([TimeSpan.FromDays(20), TimeSpan.FromDays(6), TimeSpan.FromDays(1), TimeSpan.FromSeconds(3 * 3600 + 3)],
            chain.Skip(1).Select(it => it.NotAfter - it.NotBefore));
        Assert.All(chain, it => Assert.InRange(Now.UtcDateTime, it.NotBefore.ToUniversalTime(), it.NotAfter.ToUniversalTime()));
        Assert.Equal(Now.UtcDateTime.AddHours(3), chain[4].NotAfter.ToUniversalTime());
    }

    [Fact]
    public void Certificates_are_no_larger_than_a_document_may_carry() =>
        Assert.All(Issue(AttestationAuthority.Create(), Now), it => Assert.InRange(it.RawData.Length, 400, 1024));

    [Fact]
    public void Enclaves_of_one_instance_share_the_chain_above_them()
    {
        var authority = AttestationAuthority.Create();

        var first = authority.Issue(seed: null, "us-east-1", "i-1", "i-1-enc1", Now, expired: false);
        var second = authority.Issue(seed: null, "us-east-1", "i-1", "i-1-enc2", Now.AddHours(1), expired: false);
        var later = authority.Issue(seed: null, "us-east-1", "i-1", "i-1-enc1", Now.AddDays(2), expired: false);
        var other = authority.Issue(seed: null, "us-east-1", "i-2", "i-2-enc1", Now, expired: false);

        Assert.Equal(first.CaBundle, second.CaBundle);
        Assert.NotEqual(first.Certificate, second.Certificate);
        Assert.NotEqual(first.CaBundle[3], later.CaBundle[3]);
        Assert.NotEqual(first.CaBundle[3], other.CaBundle[3]);
        Assert.Equal(first.CaBundle[0], later.CaBundle[0]);
    }

    [Fact]
    public void A_chain_is_renewed_before_it_ends()
    {
        var chain = AttestationAuthority.Create().Issue(seed: null, "us-east-1", "i-1", "i-1-enc1", Now, expired: false);

        Assert.True(chain.Covers(Now));
        Assert.True(chain.Covers(Now.AddHours(1)));
        Assert.False(chain.Covers(Now.AddHours(2)));
        Assert.False(chain.Covers(Now.AddHours(-1)));
    }

    [Fact]
    public void With_a_seed_all_follows_from_it_and_from_the_time()
    {
        var own = AttestationAuthority.Create();
        foreach (AttestationAuthority authority in (AttestationAuthority[])[AttestationAuthority.Default, own])
        {
            var first = Issue(7, Now);
            // Whenever it is first asked for, and whoever asked before.
            var second = Issue(7, Now.AddMinutes(89));
            var another = Issue(8, Now);
            var unseeded = Issue(null, Now);

            Assert.Equal(first.CaBundle, second.CaBundle);
            Assert.Equal(first.Certificate, second.Certificate);
            Assert.Equal(first.Key.Sign([1, 2, 3]), second.Key.Sign([1, 2, 3]));
            foreach (AttestationChain other in (AttestationChain[])[another, unseeded, Issue(null, Now)])
            {
                Assert.Equal(first.CaBundle[0], other.CaBundle[0]);
                for (int i = 1; i < first.CaBundle.Count; i++)
                    Assert.NotEqual(first.CaBundle[i], other.CaBundle[i]);
                Assert.NotEqual(first.Certificate, other.Certificate);
            }

            AttestationChain Issue(ulong? seed, DateTimeOffset now) => authority.Issue(seed, "us-east-1", "i-1", "i-1-enc1", now, expired: false);
        }
    }

    /// <summary>Computed by another process on another day: what follows from a seed is the same everywhere and stays so.</summary>
    [Fact]
    public void Documents_of_a_seed_are_known()
    {
        string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes))[..16];
        var module = new TestModule(time: new FixedClock(Now), seed: 7);
        var impostor = new TestModule(new NsmOptions { Faults = new AttestationFaults { WrongRoot = true } }, new FixedClock(Now), seed: 7);

        Assert.Equal(("8dd08c49d019eedc", "11d2fc406f2b1605", "4521e7be5eff8adc"),
            (Hash(AttestationAuthority.Default.RootCertificate.Span), Hash(module.Attest(nonce: [1, 2, 3])), Hash(impostor.Attest(nonce: [1, 2, 3]))));
    }

    [Fact]
    public void An_authority_survives_export()
    {
        var authority = AttestationAuthority.Create();

        var again = AttestationAuthority.FromPkcs12(authority.ExportPkcs12("secret"), "secret");

        Assert.Equal(authority.RootCertificate, again.RootCertificate);
        Assert.Equal(authority.RootCertificatePem, again.RootCertificatePem);
        VerifyWithPlatform(Issue(again, DateTimeOffset.UtcNow));
        Assert.ThrowsAny<CryptographicException>(() => AttestationAuthority.FromPkcs12(authority.ExportPkcs12("secret"), "wrong"));
    }

    [Fact]
    public void An_authority_can_be_kept_in_a_file()
    {
        var directory = Directory.CreateTempSubdirectory("authority-");
        try
        {
            string path = Path.Combine(directory.FullName, "root.p12");

            var created = AttestationAuthority.LoadOrCreate(path);
            var loaded = AttestationAuthority.LoadOrCreate(path);

            Assert.Equal(created.RootCertificate, loaded.RootCertificate);
            Assert.Single(directory.GetFiles());
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void A_root_of_your_own_can_be_given()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var request = new CertificateRequest("CN=my root", key, HashAlgorithmName.SHA384);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension([1, 2, 3, 4], false));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));

        var authority = AttestationAuthority.FromPem(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());

        var chain = Issue(authority, DateTimeOffset.UtcNow);
        Assert.Equal("CN=my root", chain[0].Subject);
        VerifyWithPlatform(chain);
    }

    [Fact]
    public void A_root_that_cannot_issue_is_refused()
    {
        using var p256 = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var leaf = Create(p384, null);
        using var small = Create(p256, new X509BasicConstraintsExtension(true, false, 0, true));
        using var shallow = Create(p384, new X509BasicConstraintsExtension(true, true, 1, true));
        using var withoutKey = X509CertificateLoader.LoadCertificate(Create(p384, new X509BasicConstraintsExtension(true, false, 0, true)).RawData);

        Assert.Throws<ArgumentException>(() => AttestationAuthority.FromCertificate(leaf));
        Assert.Throws<ArgumentException>(() => AttestationAuthority.FromCertificate(small));
        Assert.Throws<ArgumentException>(() => AttestationAuthority.FromCertificate(shallow));
        Assert.Throws<ArgumentException>(() => AttestationAuthority.FromCertificate(withoutKey));

        static X509Certificate2 Create(ECDsa key, X509Extension? extension)
        {
            var request = new CertificateRequest("CN=root", key, HashAlgorithmName.SHA384);
            if (extension is not null)
                request.CertificateExtensions.Add(extension);
            return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        }
    }

    private static List<X509Certificate2> Issue(AttestationAuthority authority, DateTimeOffset now)
    {
        var chain = authority.Issue(seed: null, "eu-west-3", "i-0abc", "i-0abc-enc0def", now, expired: false);
        return [.. chain.CaBundle.Append(chain.Certificate).Select(it => X509CertificateLoader.LoadCertificate(it))];
    }

    private sealed class FixedClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }

    private static void VerifyWithPlatform(List<X509Certificate2> certificates)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(certificates[0]);
        foreach (var certificate in certificates.Skip(1))
            chain.ChainPolicy.ExtraStore.Add(certificate);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        Assert.True(chain.Build(certificates[^1]), string.Join(", ", chain.ChainStatus.Select(it => it.StatusInformation)));
        Assert.Equal(5, chain.ChainElements.Count);
    }
}
