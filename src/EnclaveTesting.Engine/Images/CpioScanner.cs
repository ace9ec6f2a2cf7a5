using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using ZstdSharp;

namespace EnclaveTesting.Engine.Images;

/// <summary>
/// Looks for one file in a ramdisk: newc archives one after the other, with zeroes between them, plain or compressed with gzip or zstd.
/// The ramdisk is a stranger's: what cannot be understood ends the search.
/// </summary>
internal static class CpioScanner
{
    /// <summary>The content of the last file of that name; null if there is none.</summary>
    /// <param name="ramdisk">The ramdisk.</param>
    /// <param name="path">Its path, without a slash in front.</param>
    /// <param name="limit">A larger file is not read.</param>
    public static byte[]? FindFile(Stream ramdisk, string path, int limit)
    {
        byte[]? found = null;
        try
        {
            using Stream archive = Decompress(ramdisk);
            byte[] bytes = new byte[CpioHeader.Size];
            while (TryReadHeader(archive, bytes) && CpioHeader.TryParse(bytes, out CpioHeader header))
            {
                long size = header.FileSize;
                byte[] name = new byte[header.NameSize];
                archive.ReadExactly(name);
                Skip(archive, Padding(CpioHeader.Size + name.Length));
                if (Encoding.UTF8.GetString(name, 0, name.Length - 1) == path && size <= limit)
                {
                    found = new byte[size];
                    archive.ReadExactly(found);
                }
                else
                {
                    Skip(archive, size);
                }

                Skip(archive, Padding(size));
            }
        }
        catch (Exception exception) when (exception is EndOfStreamException or InvalidDataException or FormatException or ZstdException)
        {
            // A kernel may read more of it than this does; what was found counts.
        }

        return found;
    }

    private static Stream Decompress(Stream ramdisk)
    {
        var stream = new PrefixedStream(ramdisk, sizeof(uint));
        return stream.Prefix.Length < sizeof(uint) ? stream : BinaryPrimitives.ReadUInt32BigEndian(stream.Prefix) switch
        {
            >= 0x1F8B_0000 and <= 0x1F8B_FFFF => new GZipStream(stream, CompressionMode.Decompress),
            0x28B5_2FFD => new DecompressionStream(stream),
            _ => stream,
        };
    }

    private static bool TryReadHeader(Stream archive, byte[] header)
    {
        // Archives begin at multiples of four; zeroes before one are skipped.
        do
        {
            if (archive.ReadAtLeast(header.AsSpan(0, sizeof(uint)), sizeof(uint), throwOnEndOfStream: false) < sizeof(uint))
                return false;
        }
        while (header.AsSpan(0, sizeof(uint)).IndexOfAnyExcept((byte)0) < 0);
        archive.ReadExactly(header, sizeof(uint), CpioHeader.Size - sizeof(uint));
        return true;
    }

    private static long Padding(long length) => -length & 3;

    private static void Skip(Stream stream, long count)
    {
        Span<byte> buffer = stackalloc byte[4096];
        for (; count > 0; count -= buffer.Length)
            stream.ReadExactly(buffer[..(int)Math.Min(buffer.Length, count)]);
    }
}
