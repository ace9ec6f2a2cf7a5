using System.Security.Cryptography;

namespace EnclaveTesting.Kms;

/// <summary>A symmetric key of the fake key management service.</summary>
public sealed record KmsKey
{
    /// <summary>Size of <see cref="Material"/> in bytes.</summary>
    internal const int MaterialSize = 32;

    /// <summary>The key's id, a random one unless given; 1 to 64 characters.</summary>
    public string KeyId { get; init; } = Guid.NewGuid().ToString();

    /// <summary>Another name, without "alias/"; null for none.</summary>
    public string? Alias { get; init; }

    /// <summary>The AES-256 key, random unless given; give one to decrypt what another process encrypted.</summary>
    public ReadOnlyMemory<byte> Material { get; init; } = RandomNumberGenerator.GetBytes(MaterialSize);

    /// <summary>Which enclaves may have its plaintexts; null lets anybody have them.</summary>
    public KmsKeyPolicy? Policy { get; init; }

    /// <summary>The key's id; the material is not shown.</summary>
    public override string ToString() => Alias is null ? KeyId : $"{KeyId} (alias/{Alias})";
}
