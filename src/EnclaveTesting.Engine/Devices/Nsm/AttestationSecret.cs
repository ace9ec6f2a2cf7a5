using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace EnclaveTesting.Engine.Devices.Nsm;

/// <summary>From which all follows that is random about keys and certificates: by HKDF (RFC 5869) with SHA-384, for each purpose something else.</summary>
internal sealed class AttestationSecret
{
    // Eight bytes more than the order of the curve has, so that no key is likelier than another.
    private const int KeyMaterialSize = P384.Size + 8;

    private static readonly byte[] Salt = "EnclaveTesting attestation"u8.ToArray();

    private readonly byte[] _bytes;

    private AttestationSecret(byte[] bytes) => _bytes = bytes;

    /// <summary>The one behind the default authority's root, in this source for everybody to read: a root for tests.</summary>
    public static AttestationSecret WellKnown { get; } = new("not a secret: the root that tests of enclaves trust"u8.ToArray());

    /// <summary>One that nobody knows.</summary>
    public static AttestationSecret Create() => new(RandomNumberGenerator.GetBytes(SHA384.HashSizeInBytes));

    /// <summary>The one that a seed stands for.</summary>
    public static AttestationSecret FromSeed(ulong seed)
    {
        byte[] bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, seed);
        return new AttestationSecret(bytes);
    }

    /// <summary>A key for a purpose.</summary>
    public AttestationKey Key(string purpose) => AttestationKey.FromBytes(Bytes("key", purpose, KeyMaterialSize));

    /// <summary>The serial number of a certificate.</summary>
    public byte[] Serial(string purpose) => Bytes("serial number", purpose, CertificateIssuer.SerialSize);

    /// <summary>The number of an authority, as AWS's names have it: 16 hexadecimal digits.</summary>
    public string Id(string purpose) => Convert.ToHexStringLower(Bytes("number", purpose, sizeof(ulong)));

    /// <summary>The number of a list of revoked certificates.</summary>
    public Guid Guid(string purpose) => new(Bytes("revocation list", purpose, 16), bigEndian: true);

    private byte[] Bytes(string what, string purpose, int count) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA384, _bytes, count, Salt, Encoding.UTF8.GetBytes($"{what}|{purpose}"));
}
