using System.Buffers.Binary;
using EnclaveTesting.Engine.Memory;
using Microsoft.Win32.SafeHandles;

namespace EnclaveTesting.Engine.State;

/// <summary>
/// A saved machine in a file: header, description, state, attachment, table of page runs, pages without the long stretches of zeroes; each part
/// is followed by its checksum. The file is read, checked and never mapped: what another process does to it meanwhile reaches no machine.
/// </summary>
internal static class SnapshotFile
{
    /// <summary>Changes with the layout of the file; what the parts hold belongs to one build of the engine.</summary>
    private const int Version = 3;

    private const int HeaderSize = 72, RunSize = 8;
    private const int PageSize = (int)MemoryLayout.PageSize;
    private const int LongestState = 64 << 20, LongestAttachment = 256 << 20, MostRuns = 1 << 16;

    private static ReadOnlySpan<byte> Magic => "ENCLAVE\x1A"u8;

    /// <summary>The build of the engine to whose saved machines this one can go back.</summary>
    public static Guid Engine { get; } = typeof(SnapshotFile).Module.ModuleVersionId;

    /// <summary>Writes a machine to a new file.</summary>
    /// <exception cref="IOException">The file is there already, the disk is full, or the machine is too large for a file.</exception>
    public static void Save(MachineSnapshot snapshot, string path)
    {
        if (snapshot.State.Length > LongestState || snapshot.Attachment.Length > LongestAttachment)
        {
            throw new IOException($"The machine's state has {snapshot.State.Length} bytes and what belongs to it {snapshot.Attachment.Length}; "
                + $"a file holds at most {LongestState} and {LongestAttachment}.");
        }

        using GuestMemory memory = snapshot.Memory.Clone();
        IReadOnlyList<PageRun> runs = MemoryTemplate.FindRuns(memory.FindUsedPages());
        StateArchive description = StateArchive.ToWrite();
        snapshot.Description.Exchange(description);

        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 };
        // What a guest's memory held is nobody else's business.
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var file = new FileStream(path, options);
        byte[] header = new byte[HeaderSize];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), Version);
        Engine.TryWriteBytes(header.AsSpan(16));
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(32), description.Written.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(36), snapshot.State.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(40), snapshot.Attachment.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(44), runs.Count);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(48), runs.Sum(run => (long)run.Count));
        PartChecksum.Compute(header.AsSpan(0, HeaderSize - PartChecksum.Size), header.AsSpan(HeaderSize - PartChecksum.Size));
        file.Write(header);
        Write(file, description.Written.Span);
        Write(file, snapshot.State.Span);
        Write(file, snapshot.Attachment.Span);
        byte[] table = new byte[runs.Count * RunSize];
        for (int i = 0; i < runs.Count; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan(i * RunSize), runs[i].First);
            BinaryPrimitives.WriteInt32LittleEndian(table.AsSpan((i * RunSize) + 4), runs[i].Count);
        }

        Write(file, table);
        foreach (PageRun run in runs)
        {
            foreach (PageRun piece in SnapshotPages.PiecesOf(run))
                Write(file, memory.Pages(piece.First, piece.Count));
        }
    }

    /// <summary>
    /// Reads a machine from a file, all but its memory: that is read, and checked, when the first machine is made of it, and once more for the
    /// others, which share it. Until then the file is kept open.
    /// </summary>
    /// <exception cref="StateFormatException">The file is damaged, cut short, of another kind, or of another build of the engine.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static MachineSnapshot Load(string path)
    {
        // On Windows the file could not be replaced by a newer one otherwise.
        SafeFileHandle file = File.OpenHandle(path, share: FileShare.Read | FileShare.Delete, options: FileOptions.SequentialScan);
        try
        {
            var reader = new SnapshotReader(path, file);
            (Header header, MachineDescription description) = ReadDescription(path, reader);
            long stateOffset = reader.Offset;
            ReadOnlyMemory<byte> state = reader.ReadPart(header.State);
            ReadOnlyMemory<byte> attachment = reader.ReadPart(header.Attachment);
            IReadOnlyList<PageRun> runs = ReadRuns(path, reader, header, description.MemoryBytes);
            var memory = new MemoryImage(description.MemoryBytes, new SnapshotPages(path, file, reader.Offset, runs));
            return new MachineSnapshot(description, path, stateOffset, state, memory) { Attachment = attachment };
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Says what is in a file without reading it whole.</summary>
    /// <inheritdoc cref="Load"/>
    public static MachineDescription Describe(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        return ReadDescription(path, new SnapshotReader(path, file)).Description;
    }

    private static (Header Header, MachineDescription Description) ReadDescription(string path, SnapshotReader reader)
    {
        Header header = ReadHeader(path, reader);
        MachineDescription description = new();
        StateArchive archive = StateArchive.ToRead(path, reader.Offset, reader.ReadPart(header.Description));
        description.Exchange(archive);
        archive.RequireEnd();
        return (header, description);
    }

    private static Header ReadHeader(string path, SnapshotReader reader)
    {
        byte[] header = new byte[HeaderSize];
        reader.ReadExactly(header);
        if (!header.AsSpan().StartsWith(Magic))
            throw new StateFormatException(path, 0, "a saved machine", $"bytes {Convert.ToHexStringLower(header.AsSpan(0, Magic.Length))}");
        int version = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8));
        if (version != Version)
            throw new StateFormatException(path, 8, $"format version {Version}", $"{version}");
        var engine = new Guid(header.AsSpan(16, 16));
        if (engine != Engine)
            throw new StateFormatException(path, 16, $"a machine saved by this build of the engine, {Engine}", $"{engine}");
        Span<byte> checksum = stackalloc byte[PartChecksum.Size];
        PartChecksum.Compute(header.AsSpan(0, HeaderSize - PartChecksum.Size), checksum);
        if (!checksum.SequenceEqual(header.AsSpan(HeaderSize - PartChecksum.Size)))
            throw new StateFormatException(path, HeaderSize - PartChecksum.Size, "the checksum of the header", "another: the file is damaged");
        return new Header(
            Number(path, header, 32, LongestState),
            Number(path, header, 36, LongestState),
            Number(path, header, 40, LongestAttachment),
            Number(path, header, 44, MostRuns),
            BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(48)));
    }

    private static int Number(string path, byte[] header, int offset, int most)
    {
        int value = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(offset));
        return value >= 0 && value <= most ? value : throw new StateFormatException(path, offset, $"at most {most}", $"{value}");
    }

    private static List<PageRun> ReadRuns(string path, SnapshotReader reader, in Header header, long memory)
    {
        long at = reader.Offset;
        ReadOnlySpan<byte> table = reader.ReadPart(header.Runs * RunSize).Span;
        var runs = new List<PageRun>(header.Runs);
        long pages = memory / PageSize, end = 0, stored = 0;
        for (int i = 0; i < header.Runs; i++)
        {
            int first = BinaryPrimitives.ReadInt32LittleEndian(table[(i * RunSize)..]), count = BinaryPrimitives.ReadInt32LittleEndian(table[((i * RunSize) + 4)..]);
            if (first < end || count < 1 || count > int.MaxValue / PageSize || count > pages - first)
                throw new StateFormatException(path, at + (i * RunSize), $"pages {end} to {pages - 1} in ascending order", $"{count} pages from {first}");
            runs.Add(new PageRun(first, count, (int)stored));
            end = (long)first + count;
            stored += count;
        }

        // Before anything is reserved for them.
        long bytes = (stored * PageSize) + (runs.Sum(run => (long)SnapshotPages.CountPieces(run)) * PartChecksum.Size);
        if (stored != header.Pages || reader.Length - reader.Offset != bytes)
            throw new StateFormatException(path, reader.Offset, $"{bytes} bytes of pages", $"{reader.Length - reader.Offset}: the file is cut short or damaged");
        return runs;
    }

    private static void Write(FileStream file, ReadOnlySpan<byte> part)
    {
        Span<byte> checksum = stackalloc byte[PartChecksum.Size];
        PartChecksum.Compute(part, checksum);
        file.Write(part);
        file.Write(checksum);
    }

    private readonly record struct Header(int Description, int State, int Attachment, int Runs, long Pages);
}
