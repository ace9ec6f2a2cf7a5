using System.Formats.Tar;
using System.IO.Compression;
using ZstdSharp;

namespace EnclaveTesting.Engine.Images;

/// <summary>Takes the entries of a tar archive, plain or compressed with gzip or zstd, over into a ramdisk.</summary>
internal static class TarImport
{
    // OCI image layers delete with such names (image-spec, layer.md, "Whiteouts").
    private const string WhiteoutPrefix = ".wh.";
    private const string OpaqueWhiteout = ".wh..wh..opq";

    /// <summary>Adds all entries; those that mark deletions are left out if asked for.</summary>
    public static void Into(CpioArchive archive, Stream tar, string path, bool skipWhiteouts = false) => ForEach(tar, entry =>
    {
        if (!skipWhiteouts || !NameOf(entry).StartsWith(WhiteoutPrefix, StringComparison.Ordinal))
            Add(archive, path, entry);
    });

    /// <summary>Deletes what the entries of an image layer say is deleted.</summary>
    public static void DeleteInto(CpioArchive archive, Stream tar, string path) => ForEach(tar, entry =>
    {
        string name = NameOf(entry);
        string directory = $"{path}/{entry.Name[..^name.Length]}";
        if (name == OpaqueWhiteout)
            archive.RemoveBelow(directory);
        else if (name.StartsWith(WhiteoutPrefix, StringComparison.Ordinal))
            archive.Remove(directory + name[WhiteoutPrefix.Length..]);
    });

    private static string NameOf(TarEntry entry) => entry.Name[(entry.Name.LastIndexOf('/') + 1)..];

    private static void ForEach(Stream tar, Action<TarEntry> action)
    {
        using var stream = Decompress(tar);
        try
        {
            using var reader = new TarReader(stream);
            while (reader.GetNextEntry() is { } entry)
            {
                if (entry.EntryType != TarEntryType.GlobalExtendedAttributes && entry.Name.AsSpan().ContainsAnyExcept('.', '/'))
                    action(entry);
            }
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or EndOfStreamException or ZstdException)
        {
            throw new InvalidDataException($"The tar archive cannot be used: {exception.Message}", exception);
        }
    }

    /// <summary>
    /// What a file of the host without content is: an empty file, a device, a FIFO. The tar writer finds out without opening it,
    /// which for a FIFO would wait for somebody to write into it.
    /// </summary>
    /// <exception cref="IOException">It is something that no archive holds, such as a socket.</exception>
    public static CpioEntry Inspect(string hostPath)
    {
        using var stream = new MemoryStream();
        using (var writer = new TarWriter(stream, leaveOpen: true))
            writer.WriteEntry(hostPath, "entry");
        stream.Position = 0;
        using var reader = new TarReader(stream);
        return Convert(reader.GetNextEntry()!) with { Uid = 0, Gid = 0 };
    }

    private static void Add(CpioArchive archive, string path, TarEntry entry)
    {
        // A hard link is written as a second copy: once unpacked, a newc archive with shared inodes is no smaller.
        var converted = entry.EntryType == TarEntryType.HardLink
            ? archive.Find($"{path}/{entry.LinkName}") ?? throw new ArgumentException($"{entry.Name} is a link to {entry.LinkName}, which is not in the archive before it")
            : Convert(entry);
        archive.Replace($"{path}/{entry.Name}", converted);
    }

    private static CpioEntry Convert(TarEntry entry)
    {
        uint mode = CpioArchive.Bits(entry.Mode);
        var converted = entry.EntryType switch
        {
            TarEntryType.Directory or TarEntryType.DirectoryList => new CpioEntry(CpioWriter.TypeDirectory | mode),
            TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile => new CpioEntry(CpioWriter.TypeRegular | mode, Read(entry)),
            TarEntryType.SymbolicLink => CpioArchive.Link(entry.LinkName),
            TarEntryType.CharacterDevice => Device(CpioWriter.TypeCharacterDevice),
            TarEntryType.BlockDevice => Device(CpioWriter.TypeBlockDevice),
            TarEntryType.Fifo => new CpioEntry(CpioWriter.TypeFifo | mode),
            _ => throw new ArgumentException($"{entry.Name} is an entry of type {entry.EntryType}, which a ramdisk cannot hold"),
        };
        return converted with { Uid = (uint)entry.Uid, Gid = (uint)entry.Gid };

        CpioEntry Device(uint type) => entry is PosixTarEntry device
            ? new CpioEntry(type | mode, DeviceMajor: (uint)device.DeviceMajor, DeviceMinor: (uint)device.DeviceMinor)
            : throw new ArgumentException($"{entry.Name} is a device without numbers");
    }

    /// <summary>The content, read as it comes: a length in a damaged header reserves nothing.</summary>
    private static byte[] Read(TarEntry entry)
    {
        if (entry.DataStream is not { } data)
            return [];
        using var content = new MemoryStream();
        data.CopyTo(content);
        if (content.Length != entry.Length)
            throw new EndOfStreamException($"{entry.Name} has {entry.Length} bytes, of which {content.Length} are there");
        return content.ToArray();
    }

    private static Stream Decompress(Stream tar)
    {
        var peeked = new PrefixedStream(tar, 4);
        return peeked.Prefix switch
        {
            [0x1f, 0x8b, ..] => new GZipStream(peeked, CompressionMode.Decompress),
            [0x28, 0xb5, 0x2f, 0xfd] => new DecompressionStream(peeked, leaveOpen: false),
            _ => peeked,
        };
    }
}
