using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>
/// A private key on P-384 of an authority or an enclave. Its signatures with SHA-384 are the same each time, unless it is a key of the platform
/// that cannot be read. Thread-safe.
/// </summary>
internal sealed class AttestationKey
{
    private const string PublicKeyAlgorithm = "1.2.840.10045.2.1";

    /// <summary>The curve's identifier, 1.3.132.0.34, in DER.</summary>
    private static readonly byte[] Curve = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];

    private readonly BigInteger _scalar;
    private readonly ECDsa? _platformKey;
    private readonly ECPoint _point;

    private AttestationKey(BigInteger scalar)
        : this(scalar, Point(scalar), platformKey: null)
    {
    }

    private AttestationKey(BigInteger scalar, ECPoint point, ECDsa? platformKey)
    {
        _scalar = scalar;
        _point = point;
        _platformKey = platformKey;
        PublicKey = new PublicKey(new Oid(PublicKeyAlgorithm), new AsnEncodedData(Curve), new AsnEncodedData([4, .. point.X!, .. point.Y!]));
    }

    public PublicKey PublicKey { get; }

    /// <summary>The key that follows from a number of more than 384 bits (FIPS 186-5 §A.2.1).</summary>
    public static AttestationKey FromBytes(ReadOnlySpan<byte> bytes) => new(P384.Read(bytes) % (P384.Order - 1) + 1);

    /// <summary>A key of the platform.</summary>
    /// <param name="key">On P-384; stays in use.</param>
    public static AttestationKey FromPlatform(ECDsa key)
    {
        ECPoint point = key.ExportParameters(includePrivateParameters: false).Q;
        try
        {
            return new AttestationKey(P384.Read(key.ExportParameters(includePrivateParameters: true).D), point, platformKey: null);
        }
        catch (CryptographicException)
        {
            // Kept in hardware, or marked so.
            return new AttestationKey(default, point, key);
        }
    }

    /// <summary>Signs data.</summary>
    /// <returns>r and s, 48 bytes each (IEEE P1363).</returns>
    /// <exception cref="CryptographicException">The platform's key cannot sign.</exception>
    public byte[] Sign(ReadOnlySpan<byte> data) =>
        _platformKey?.SignData(data, HashAlgorithmName.SHA384, DSASignatureFormat.IeeeP1363FixedFieldConcatenation) ?? DeterministicEcdsa.Sign(_scalar, data);

    /// <summary>The key for the platform's use, the caller's to dispose.</summary>
    /// <exception cref="CryptographicException">It is one of the platform's that cannot be read.</exception>
    public ECDsa Export()
    {
        if (_platformKey is not null)
            return ECDsa.Create(_platformKey.ExportParameters(includePrivateParameters: true));
        byte[] scalar = new byte[P384.Size];
        P384.Write(_scalar, scalar);
        return ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP384, D = scalar, Q = _point });
    }

    private static ECPoint Point(BigInteger scalar)
    {
        (BigInteger x, BigInteger y) = P384.MultiplyBase(scalar);
        var point = new ECPoint { X = new byte[P384.Size], Y = new byte[P384.Size] };
        P384.Write(x, point.X);
        P384.Write(y, point.Y);
        return point;
    }

    /// <summary>Signs certificates with a key.</summary>
    public sealed class CertificateSigner(AttestationKey key) : X509SignatureGenerator
    {
        private const string EcdsaWithSha384 = "1.2.840.10045.4.3.3";

        /// <inheritdoc/>
        public override byte[] GetSignatureAlgorithmIdentifier(HashAlgorithmName hashAlgorithm)
        {
            var writer = new AsnWriter(AsnEncodingRules.DER);
            using (writer.PushSequence())
                writer.WriteObjectIdentifier(EcdsaWithSha384);
            return writer.Encode();
        }

        /// <inheritdoc/>
        public override byte[] SignData(byte[] data, HashAlgorithmName hashAlgorithm)
        {
            byte[] signature = key.Sign(data);
            var writer = new AsnWriter(AsnEncodingRules.DER);
            using (writer.PushSequence())
            {
                writer.WriteInteger(P384.Read(signature.AsSpan(0, P384.Size)));
                writer.WriteInteger(P384.Read(signature.AsSpan(P384.Size)));
            }

            return writer.Encode();
        }

        /// <inheritdoc/>
        protected override PublicKey BuildPublicKey() => key.PublicKey;
    }
}
