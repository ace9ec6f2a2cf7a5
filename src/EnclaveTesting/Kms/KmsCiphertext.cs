using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace EnclaveTesting.Kms;

/// <summary>
/// A ciphertext as the fake service makes it: version ‖ length and text of the key's id ‖ nonce ‖ tag ‖ AES-256-GCM. The id and
/// the encryption context are authenticated. AWS's own format is opaque, so any will do.
/// </summary>
internal static class KmsCiphertext
{
    private const byte Version = 1;

    private static readonly int NonceSize = AesGcm.NonceByteSizes.MaxSize;
    private static readonly int TagSize = AesGcm.TagByteSizes.MaxSize;

    public static byte[] Encrypt(KmsKey key, ReadOnlySpan<byte> plaintext, IReadOnlyDictionary<string, string> context)
    {
        byte[] id = Encoding.UTF8.GetBytes(key.KeyId);
        byte[] blob = [Version, checked((byte)id.Length), .. id, .. RandomNumberGenerator.GetBytes(NonceSize), .. new byte[TagSize + plaintext.Length]];
        var sealedPart = blob.AsSpan(2 + id.Length);
        using var cipher = new AesGcm(key.Material.Span, TagSize);
        cipher.Encrypt(sealedPart[..NonceSize], plaintext, sealedPart[(NonceSize + TagSize)..], sealedPart.Slice(NonceSize, TagSize),
            AuthenticatedData(key, context));
        return blob;
    }

    /// <summary>The id of the key that a ciphertext was made with; null if it is none.</summary>
    public static string? KeyIdOf(ReadOnlySpan<byte> blob)
    {
        if (blob.Length < 2 || blob[0] != Version || blob.Length < 2 + blob[1] + NonceSize + TagSize)
            return null;
        return Encoding.UTF8.GetString(blob.Slice(2, blob[1]));
    }

    /// <summary>Decrypts what <see cref="KeyIdOf"/> accepted.</summary>
    /// <exception cref="AuthenticationTagMismatchException">It was changed, or made with another key or context.</exception>
    public static byte[] Decrypt(KmsKey key, ReadOnlySpan<byte> blob, IReadOnlyDictionary<string, string> context)
    {
        var sealedPart = blob[(2 + blob[1])..];
        byte[] plaintext = new byte[sealedPart.Length - NonceSize - TagSize];
        using var cipher = new AesGcm(key.Material.Span, TagSize);
        cipher.Decrypt(sealedPart[..NonceSize], sealedPart[(NonceSize + TagSize)..], sealedPart.Slice(NonceSize, TagSize), plaintext,
            AuthenticatedData(key, context));
        return plaintext;
    }

    private static byte[] AuthenticatedData(KmsKey key, IReadOnlyDictionary<string, string> context)
    {
        using var data = new MemoryStream();
        Append(key.KeyId);
        foreach (var (name, value) in context.OrderBy(it => it.Key, StringComparer.Ordinal))
        {
            Append(name);
            Append(value);
        }

        return data.ToArray();

        void Append(string text)
        {
            Span<byte> length = stackalloc byte[sizeof(int)];
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            data.Write(length);
            data.Write(bytes);
        }
    }
}
