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

    /// <summary>Regional, zonal and instance authorities stand below the root.</summary>
    private const int Levels = 3;

    private const int MaxInstances = 64;

    private static readonly Lazy<AttestationAuthority> Shared = new(Create);

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Region, string Instance), Issuers> _instances = [];
    private readonly ECDsa _key;
    private readonly CertificateIssuer _root;

    private AttestationAuthority(CertificateIssuer root, ECDsa key)
    {
        _root = root;
        _key = key;
    }

    /// <summary>One authority for the whole process, made when it is first asked for.</summary>
    public static AttestationAuthority Default => Shared.Value;

    /// <summary>The root certificate in DER.</summary>
    public ReadOnlyMemory<byte> RootCertificate => _root.Certificate;

    /// <summary>The root certificate in PEM, as AWS publishes theirs.</summary>
    public string RootCertificatePem => PemEncoding.WriteString("CERTIFICATE", _root.Certificate);

    /// <summary>A new authority with a key of its own. Its root is valid from 1970 to 2100, wherever a guest's clock may stand.</summary>
    public static AttestationAuthority Create()
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        var root = CertificateIssuer.CreateRoot(NitroNames.Root, key, DateTimeOffset.UnixEpoch, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
        return new AttestationAuthority(root, key);
    }

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
        return new AttestationAuthority(new CertificateIssuer(certificate, key), key);
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
    public byte[] ExportPkcs12(string? password = null)
    {
        using var certificate = X509CertificateLoader.LoadCertificate(_root.Certificate);
        using var withKey = certificate.CopyWithPrivateKey(_key);
        return withKey.ExportPkcs12(Pkcs12ExportPbeParameters.Pbes2Aes256Sha256, password);
    }

    /// <summary>Issues what an enclave signs its documents with.</summary>
    /// <param name="region">The region named in the certificates.</param>
    /// <param name="instance">The parent instance named in the certificates.</param>
    /// <param name="module">The module named in the enclave's certificate.</param>
    /// <param name="now">The guest's time, from which the certificates are valid.</param>
    /// <param name="expired">The enclave's certificate has ended an hour ago.</param>
    internal AttestationChain Issue(string region, string instance, string module, DateTimeOffset now, bool expired)
    {
        lock (_lock)
        {
            var issuers = FindIssuers(region, instance, now);
            var key = ECDsa.Create(ECCurve.NamedCurves.nistP384);
            var end = expired ? now - TimeSpan.FromHours(1) : now + EnclaveLifetime;
            byte[] certificate = issuers.Instance.IssueEnclave(NitroNames.Enclave(region, module), key, end - EnclaveLifetime - ClockSkew, end);
            return new AttestationChain(key, certificate, issuers.Bundle, now - ClockSkew, now + EnclaveLifetime / 2);
        }
    }

    private Issuers FindIssuers(string region, string instance, DateTimeOffset now)
    {
        if (_instances.TryGetValue((region, instance), out var issuers) && issuers.Covers(now))
            return issuers;
        if (_instances.Count >= MaxInstances)
            _instances.Clear();

        // Begun earlier than needed, so that a clock that is set back a little finds them valid, as it would with AWS's.
        var start = now - TimeSpan.FromHours(6);
        var regional = _root.IssueAuthority(NitroNames.Regional(region), 2, CertificateIssuer.AuthorityUsage,
            NitroNames.RevocationList("regional"), start, start + RegionalLifetime);
        var zonal = regional.IssueAuthority(NitroNames.Zonal(region), 1, CertificateIssuer.AuthorityUsage,
            NitroNames.RevocationList("zonal"), start, start + ZonalLifetime);
        var own = zonal.IssueAuthority(NitroNames.Instance(region, instance), 0, X509KeyUsageFlags.KeyCertSign,
            revocationList: null, start, start + InstanceLifetime);
        issuers = new Issuers(own, [_root.Certificate, regional.Certificate, zonal.Certificate, own.Certificate],
            start + ClockSkew + EnclaveLifetime + TimeSpan.FromHours(1), start + InstanceLifetime - EnclaveLifetime);
        return _instances[(region, instance)] = issuers;
    }

    private sealed record Issuers(CertificateIssuer Instance, IReadOnlyList<byte[]> Bundle, DateTimeOffset From, DateTimeOffset Until)
    {
        public bool Covers(DateTimeOffset time) => time >= From && time < Until;
    }
}
