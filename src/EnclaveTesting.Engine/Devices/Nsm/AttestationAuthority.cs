using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>
/// Stands for AWS's Nitro attestation PKI: a root certificate and all that is issued below it (root → regional → zonal →
/// instance → enclave, all P-384). Whoever verifies documents is given <see cref="RootCertificatePem"/> where AWS's root would
/// stand. Thread-safe; any number of enclaves share one.
/// </summary>
public sealed class AttestationAuthority
{
    // Lifetimes of AWS's certificates.
    private static readonly TimeSpan RegionalLifetime = TimeSpan.FromDays(20);
    private static readonly TimeSpan ZonalLifetime = TimeSpan.FromDays(6);
    private static readonly TimeSpan InstanceLifetime = TimeSpan.FromDays(1);
    private static readonly TimeSpan EnclaveLifetime = TimeSpan.FromHours(3);
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(3);

    // How long one certificate is used. It begins with a multiple of this, so that it does not matter when it was first asked for.
    private static readonly TimeSpan InstancePeriod = TimeSpan.FromHours(12);
    private static readonly TimeSpan EnclavePeriod = EnclaveLifetime / 2;

    /// <summary>Begun earlier than needed, so that a clock that is set back a little finds them valid, as it would with AWS's.</summary>
    private static readonly TimeSpan Lead = TimeSpan.FromHours(6);

    /// <summary>Regional, zonal and instance authorities stand below the root.</summary>
    private const int Levels = 3;

    private const int MaxInstances = 64;

    private static readonly Lazy<AttestationAuthority> Shared = new(() => Create(AttestationSecret.WellKnown));

    private readonly Lock _lock = new();
    private readonly Dictionary<(ulong? Seed, string Region, string Instance), Issuers> _instances = [];
    private readonly AttestationSecret _secret = AttestationSecret.Create();
    private readonly CertificateIssuer _root;

    private AttestationAuthority(CertificateIssuer root) => _root = root;

    /// <summary>
    /// The one that enclaves use unless told otherwise. Its root is the same in every process and on every host, and the root's key is in this
    /// library for everybody to read: trust it in tests only.
    /// </summary>
    public static AttestationAuthority Default => Shared.Value;

    /// <summary>The root certificate in DER.</summary>
    public ReadOnlyMemory<byte> RootCertificate => _root.Certificate;

    /// <summary>The root certificate in PEM, as AWS publishes theirs.</summary>
    public string RootCertificatePem => PemEncoding.WriteString("CERTIFICATE", _root.Certificate);

    /// <summary>A new authority with a key of its own. Its root is valid from 1970 to 2100, wherever a guest's clock may stand.</summary>
    public static AttestationAuthority Create() => Create(AttestationSecret.Create());

    /// <summary>An authority of your own.</summary>
    /// <param name="certificate">A certificate of an authority for a P-384 key, with that key.</param>
    /// <exception cref="ArgumentException">It is none, or has no private key, or one of another kind.</exception>
    public static AttestationAuthority FromCertificate(X509Certificate2 certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        var constraints = certificate.Extensions.OfType<X509BasicConstraintsExtension>().FirstOrDefault();
        if (constraints is not { CertificateAuthority: true })
            throw new ArgumentException($"The certificate of {certificate.Subject} is none of an authority.", nameof(certificate));
        if (constraints is { HasPathLengthConstraint: true, PathLengthConstraint: < Levels })
            throw new ArgumentException($"The certificate of {certificate.Subject} does not allow {Levels} authorities below it.", nameof(certificate));
        var key = certificate.GetECDsaPrivateKey();
        if (key is not { KeySize: 384 })
            throw new ArgumentException($"The certificate of {certificate.Subject} has no private key on P-384.", nameof(certificate));
        return new AttestationAuthority(new CertificateIssuer(certificate, AttestationKey.FromPlatform(key)));
    }

    /// <summary>An authority of your own, from the texts of a certificate and of its unencrypted private key.</summary>
    /// <exception cref="ArgumentException">The certificate is none of an authority, or the key is not on P-384.</exception>
    /// <exception cref="CryptographicException">The texts are no PEM of a certificate and of its key.</exception>
    public static AttestationAuthority FromPem(string certificatePem, string privateKeyPem)
    {
        using var certificate = X509Certificate2.CreateFromPem(certificatePem, privateKeyPem);
        return FromCertificate(certificate);
    }

    /// <summary>An authority of your own, from a PKCS #12 file's bytes.</summary>
    /// <exception cref="ArgumentException">The certificate is none of an authority, or the key is not on P-384.</exception>
    /// <exception cref="CryptographicException">The bytes are no PKCS #12 or the password is wrong.</exception>
    public static AttestationAuthority FromPkcs12(ReadOnlySpan<byte> pkcs12, string? password = null)
    {
        using var certificate = X509CertificateLoader.LoadPkcs12(pkcs12, password, X509KeyStorageFlags.Exportable);
        return FromCertificate(certificate);
    }

    /// <summary>
    /// The authority kept in a PKCS #12 file; if there is none, a new one is put there. So a root that was given to an
    /// application stays right from one test run to the next.
    /// </summary>
    /// <exception cref="CryptographicException">The file is no PKCS #12 or the password is wrong.</exception>
    /// <exception cref="IOException">The file cannot be read or written.</exception>
    public static AttestationAuthority LoadOrCreate(string path, string? password = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!File.Exists(path))
        {
            // Put in place in one step: of several processes that start at once, one wins and the others take its file.
            string temporary = $"{path}.{Guid.NewGuid():N}";
            try
            {
                File.WriteAllBytes(temporary, Create().ExportPkcs12(password));
                File.Move(temporary, path, overwrite: false);
            }
            catch (IOException) when (File.Exists(path))
            {
            }
            finally
            {
                File.Delete(temporary);
            }
        }

        return FromPkcs12(File.ReadAllBytes(path), password);
    }

    /// <summary>The root's certificate and private key as a PKCS #12 file's bytes.</summary>
    /// <exception cref="CryptographicException">The key may not be read.</exception>
    public byte[] ExportPkcs12(string? password = null)
    {
        using ECDsa key = _root.Key.Export();
        using var certificate = X509CertificateLoader.LoadCertificate(_root.Certificate);
        using var withKey = certificate.CopyWithPrivateKey(key);
        return withKey.ExportPkcs12(Pkcs12ExportPbeParameters.Pbes2Aes256Sha256, password);
    }

    /// <summary>One that nobody trusts.</summary>
    /// <param name="seed">What its key follows from; null makes it at random.</param>
    internal static AttestationAuthority CreateImpostor(ulong? seed) =>
        Create(seed is { } value ? AttestationSecret.FromSeed(value) : AttestationSecret.Create());

    /// <summary>Issues what an enclave signs its documents with.</summary>
    /// <param name="seed">What keys and certificates below the root follow from, together with all that follows here; null makes them at random.</param>
    /// <param name="region">The region named in the certificates.</param>
    /// <param name="instance">The parent instance named in the certificates.</param>
    /// <param name="module">The module named in the enclave's certificate.</param>
    /// <param name="now">The guest's time, at which the certificates are valid.</param>
    /// <param name="expired">The enclave's certificate has ended an hour ago or more.</param>
    internal AttestationChain Issue(ulong? seed, string region, string instance, string module, DateTimeOffset now, bool expired)
    {
        lock (_lock)
        {
            var issuers = FindIssuers(seed, region, instance, now);
            var secret = seed is { } value ? AttestationSecret.FromSeed(value) : AttestationSecret.Create();
            DateTimeOffset start = BeginOfPeriod(now, EnclavePeriod), end = expired ? start - TimeSpan.FromHours(1) : start + EnclaveLifetime;
            string name = string.Create(CultureInfo.InvariantCulture, $"enclave|{region}|{instance}|{module}|{end.Ticks}");
            var key = secret.Key(name);
            byte[] certificate = issuers.Instance.IssueEnclave(NitroNames.Enclave(region, module), key, secret.Serial(name), end - EnclaveLifetime - ClockSkew, end);
            return new AttestationChain(key, certificate, issuers.Bundle, start, start + EnclavePeriod);
        }
    }

    private static AttestationAuthority Create(AttestationSecret secret)
    {
        const string name = "root";
        return new AttestationAuthority(CertificateIssuer.CreateRoot(NitroNames.Root, secret.Key(name), secret.Serial(name), DateTimeOffset.UnixEpoch,
            new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero)));
    }

    private Issuers FindIssuers(ulong? seed, string region, string instance, DateTimeOffset now)
    {
        DateTimeOffset period = BeginOfPeriod(now, InstancePeriod);
        if (_instances.TryGetValue((seed, region, instance), out var issuers) && issuers.Period == period)
            return issuers;
        if (_instances.Count >= MaxInstances)
            _instances.Clear();

        var secret = seed is { } value ? AttestationSecret.FromSeed(value) : _secret;
        DateTimeOffset start = period - Lead;
        string suffix = string.Create(CultureInfo.InvariantCulture, $"|{region}|{instance}|{period.Ticks}");
        var regional = IssueAuthority(_root, "regional", id => NitroNames.Regional(region, id), 2, RegionalLifetime);
        var zonal = IssueAuthority(regional, "zonal", id => NitroNames.Zonal(region, id), 1, ZonalLifetime);
        const string own = "instance";
        var last = zonal.IssueAuthority(NitroNames.Instance(region, instance), secret.Key(own + suffix), secret.Serial(own + suffix), 0,
            X509KeyUsageFlags.KeyCertSign, revocationList: null, start, start + InstanceLifetime);
        return _instances[(seed, region, instance)] = new Issuers(last, [_root.Certificate, regional.Certificate, zonal.Certificate, last.Certificate], period);

        CertificateIssuer IssueAuthority(CertificateIssuer issuer, string level, Func<string, X500DistinguishedName> subject, int pathLength, TimeSpan lifetime)
        {
            string name = level + suffix;
            return issuer.IssueAuthority(subject(secret.Id(name)), secret.Key(name), secret.Serial(name), pathLength, CertificateIssuer.AuthorityUsage,
                NitroNames.RevocationList(level, secret.Guid(name)), start, start + lifetime);
        }
    }

    private static DateTimeOffset BeginOfPeriod(DateTimeOffset time, TimeSpan period) =>
        new(time.UtcTicks - time.UtcTicks % period.Ticks, TimeSpan.Zero);

    private sealed record Issuers(CertificateIssuer Instance, IReadOnlyList<byte[]> Bundle, DateTimeOffset Period);
}
