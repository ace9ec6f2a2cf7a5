using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting;

/// <summary>
/// What an image says and holds, as a SHA-256: by the platform's code, which is fast from the first byte, and once for a file that stays as it is.
/// </summary>
internal static class ImageDigest
{
    private const int PieceSize = 1 << 20;

    // A file that is written twice within the resolution of its time stamp looks the same; so one that has just been written is not remembered.
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(2);

    private static readonly ConcurrentDictionary<EifFileIdentity, byte[]> Known = [];

    /// <summary>The digest of an image's defaults and sections, 32 bytes.</summary>
    public static ReadOnlySpan<byte> Of(EifImage image)
    {
        EifFileIdentity? before = image.FindIdentity();
        if (before is { } same && Known.TryGetValue(same, out byte[]? known))
            return known;
        byte[] digest = Compute(image);
        if (before is { } file && file == image.FindIdentity() && DateTime.UtcNow - file.Written > Settled)
            Known[file] = digest;
        return digest;
    }

    private static byte[] Compute(EifImage image)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Add(hash, string.Create(CultureInfo.InvariantCulture, $"{image.DefaultMemory}|{image.DefaultCpus}\n"));
        byte[] piece = ArrayPool<byte>.Shared.Rent(PieceSize);
        foreach (EifSection section in image.Sections)
        {
            Add(hash, string.Create(CultureInfo.InvariantCulture, $"{section.Type}|{section.Length}\n"));
            for (long position = 0; position < section.Length;)
            {
                Span<byte> part = piece.AsSpan(0, (int)Math.Min(PieceSize, section.Length - position));
                section.Read(position, part);
                hash.AppendData(part);
                position += part.Length;
            }
        }

        ArrayPool<byte>.Shared.Return(piece);
        return hash.GetHashAndReset();
    }

    private static void Add(IncrementalHash hash, string text) => hash.AppendData(Encoding.UTF8.GetBytes(text));
}
