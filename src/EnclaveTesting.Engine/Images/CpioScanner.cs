using System.Buffers.Binary;
using System.Globalization;
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
    private const int HeaderSize = 110;
    private const int LongestName = 4096;
    private const int SizeField = 6, NameSizeField = 11;

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
            byte[] header = new byte[HeaderSize];
            while (TryReadHeader(archive, header))
            {
                long size = Field(header, SizeField), nameSize = Field(header, NameSizeField);
                if (nameSize is < 1 or > LongestName)
                    break;
                byte[] name = new byte[nameSize];
                archive.ReadExactly(name);
                Skip(archive, Padding(HeaderSize + nameSize));
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
        archive.ReadExactly(header, sizeof(uint), HeaderSize - sizeof(uint));
        return header.AsSpan().StartsWith("07070"u8);
    }

    private static long Field(byte[] header, int index) =>
        uint.Parse(Encoding.ASCII.GetString(header, 6 + (8 * index), 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    private static long Padding(long length) => -length & 3;

    private static void Skip(Stream stream, long count)
    {
        Span<byte> buffer = stackalloc byte[4096];
        for (; count > 0; count -= buffer.Length)
            stream.ReadExactly(buffer[..(int)Math.Min(buffer.Length, count)]);
    }
}
