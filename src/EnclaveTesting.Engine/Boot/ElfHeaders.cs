using System.Buffers.Binary;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>The headers of an x86-64 ELF executable that is a kernel, checked: every segment lies in the file and in the memory a kernel may use.</summary>
internal sealed class ElfHeaders
{
    private const int HeaderSize = 64, ProgramHeaderSize = 56;
    private const ushort MachineX64 = 62;
    private const byte Class64 = 2, LittleEndian = 1;
    private const int MaximumProgramHeaders = 64;

    private readonly List<ElfSegment> _segments = [];
    private readonly ulong _entry;
    private readonly ulong? _physicalEntry;

    private ElfHeaders(ReadOnlySpan<byte> start, long fileLength)
    {
        if (start.Length < HeaderSize)
            throw Bad($"it ends inside the ELF header ({start.Length} bytes)");
        if (start[4] != Class64 || start[5] != LittleEndian || Read16(start, 18) != MachineX64)
            throw Bad($"it is not little-endian 64-bit x86 (class {start[4]}, data {start[5]}, machine {Read16(start, 18)})");

        ulong table = Read64(start, 32);
        int entrySize = Read16(start, 54);
        int count = Read16(start, 56);
        if (entrySize != ProgramHeaderSize || count is 0 or > MaximumProgramHeaders)
            throw Bad($"its program headers are unusable ({count} of {entrySize} bytes; expected 1 to {MaximumProgramHeaders} of {ProgramHeaderSize})");
        if (!Inside(start.Length, table, (ulong)(count * ProgramHeaderSize)))
            throw Bad($"its program headers at offset {table} lie outside the file of {start.Length} bytes");

        ulong entry = Read64(start, 24);
        ulong? physicalEntry = null;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = start.Slice((int)table + (i * ProgramHeaderSize), ProgramHeaderSize);
            var segment = new ElfSegment(Read32(header, 0), Read64(header, 8), Read64(header, 16), Read64(header, 24), Read64(header, 32), Read64(header, 40));
            if (segment.Type is not (ElfSegment.Load or ElfSegment.Note))
                continue;
            if (!Inside(fileLength, segment.Offset, segment.FileSize))
                throw Bad($"segment {i} (offset {segment.Offset}, {segment.FileSize} bytes) lies outside the file of {fileLength} bytes");
            if (segment.Type == ElfSegment.Load)
            {
                if (segment.MemorySize == 0)
                    continue;
                ulong end = segment.Physical + segment.MemorySize;
                if (segment.MemorySize < segment.FileSize || end < segment.Physical || end > MemoryLayout.DeviceHoleStart)
                    throw Bad($"segment {i} (address 0x{segment.Physical:x}, {segment.MemorySize} bytes) does not fit below 3 GiB");
                if (segment.Physical < MemoryLayout.HighMemoryStart)
                    throw Bad($"segment {i} starts at 0x{segment.Physical:x}, below the first mebibyte, which belongs to the boot data");
                if (entry >= segment.Virtual && entry - segment.Virtual < segment.MemorySize)
                    physicalEntry = segment.Physical + (entry - segment.Virtual);
                else if (entry >= segment.Physical && entry - segment.Physical < segment.MemorySize)
                    physicalEntry ??= entry;
            }

            _segments.Add(segment);
        }

        _entry = entry;
        _physicalEntry = physicalEntry;
    }

    /// <summary>What is to be loaded, and the notes.</summary>
    public IReadOnlyList<ElfSegment> Segments => _segments;

    /// <summary>Guest-physical address of the entry point.</summary>
    /// <exception cref="EnclaveImageException">The entry point lies in no segment.</exception>
    public ulong PhysicalEntry => _physicalEntry ?? throw Bad($"its entry point 0x{_entry:x} lies in no segment");

    /// <summary>Reads the headers.</summary>
    /// <param name="start">The file's first bytes, with the program headers.</param>
    /// <param name="fileLength">Length of the whole file.</param>
    /// <exception cref="EnclaveImageException">It is no x86-64 executable, or its headers contradict themselves.</exception>
    public static ElfHeaders Read(ReadOnlySpan<byte> start, long fileLength) => new(start, fileLength);

    public static EnclaveImageException Bad(string reason) => new($"The kernel is an ELF file that cannot be booted: {reason}.");

    private static bool Inside(long fileLength, ulong offset, ulong length) =>
        offset <= (ulong)fileLength && length <= (ulong)fileLength - offset;

    private static ushort Read16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private static uint Read32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static ulong Read64(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);
}
