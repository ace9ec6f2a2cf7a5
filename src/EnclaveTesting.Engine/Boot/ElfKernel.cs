using System.Buffers.Binary;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>
/// An x86-64 ELF executable as a kernel: entered through its PVH note (Xen's XEN_ELFNOTE_PHYS32_ENTRY) where it has
/// one, else in long mode at its entry point by the Linux 64-bit boot protocol.
/// </summary>
internal sealed class ElfKernel : IKernel
{
    private const int HeaderSize = 64, ProgramHeaderSize = 56;
    private const ushort MachineX64 = 62;
    private const byte Class64 = 2, LittleEndian = 1;
    private const uint SegmentLoad = 1, SegmentNote = 4;
    private const uint NotePhys32Entry = 18;
    private const int MaximumProgramHeaders = 64;
    private const int LinuxCommandLine = 2047;

    private readonly List<KernelPlacement> _placements = [];

    private ElfKernel(ReadOnlySpan<byte> file)
    {
        if (file.Length < HeaderSize)
            throw Bad($"it ends inside the ELF header ({file.Length} bytes)");
        if (file[4] != Class64 || file[5] != LittleEndian || Read16(file, 18) != MachineX64)
            throw Bad($"it is not little-endian 64-bit x86 (class {file[4]}, data {file[5]}, machine {Read16(file, 18)})");

        ulong table = Read64(file, 32);
        int entrySize = Read16(file, 54);
        int count = Read16(file, 56);
        if (entrySize != ProgramHeaderSize || count is 0 or > MaximumProgramHeaders)
            throw Bad($"its program headers are unusable ({count} of {entrySize} bytes; expected 1 to {MaximumProgramHeaders} of {ProgramHeaderSize})");
        if (!Inside(file, table, (ulong)(count * ProgramHeaderSize)))
            throw Bad($"its program headers at offset {table} lie outside the file of {file.Length} bytes");

        ulong? pvhEntry = null;
        ulong start = ulong.MaxValue, end = 0;
        ulong entry = Read64(file, 24);
        ulong? entryPhysical = null;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = file.Slice((int)table + (i * ProgramHeaderSize), ProgramHeaderSize);
            uint type = Read32(header, 0);
            ulong offset = Read64(header, 8), virtualAddress = Read64(header, 16), physical = Read64(header, 24);
            ulong fileSize = Read64(header, 32), memorySize = Read64(header, 40);
            if (type is not (SegmentLoad or SegmentNote))
                continue;
            if (!Inside(file, offset, fileSize))
                throw Bad($"segment {i} (offset {offset}, {fileSize} bytes) lies outside the file of {file.Length} bytes");
            if (type == SegmentNote)
            {
                pvhEntry ??= FindPvhEntry(file.Slice((int)offset, (int)fileSize));
                continue;
            }

            if (memorySize == 0)
                continue;
            if (memorySize < fileSize || physical + memorySize < physical || physical + memorySize > MemoryLayout.DeviceHoleStart)
                throw Bad($"segment {i} (address 0x{physical:x}, {memorySize} bytes) does not fit below 3 GiB");
            if (physical < MemoryLayout.HighMemoryStart)
                throw Bad($"segment {i} starts at 0x{physical:x}, below the first mebibyte, which belongs to the boot data");
            _placements.Add(new KernelPlacement((long)offset, (long)fileSize, new GuestAddress(physical)));
            start = Math.Min(start, physical);
            end = Math.Max(end, physical + memorySize);
            if (entry >= virtualAddress && entry - virtualAddress < memorySize)
                entryPhysical = physical + (entry - virtualAddress);
            else if (entry >= physical && entry - physical < memorySize)
                entryPhysical ??= entry;
        }

        if (_placements.Count == 0)
            throw Bad("it has no loadable segment");
        Start = start;
        End = end;
        Entry = pvhEntry is null ? KernelEntry.Linux64 : KernelEntry.Pvh;
        EntryAddress = pvhEntry ?? entryPhysical ?? throw Bad($"its entry point 0x{entry:x} lies in no segment");
        if (EntryAddress < start || EntryAddress >= end)
            throw Bad($"its PVH entry point 0x{EntryAddress:x} lies in no segment");
    }

    public KernelEntry Entry { get; }

    public ulong EntryAddress { get; }

    public IReadOnlyList<KernelPlacement> Placements => _placements;

    public ulong Start { get; }

    public ulong End { get; }

    public ulong InitrdLimit => ulong.MaxValue;

    public int MaximumCommandLine => LinuxCommandLine;

    public ReadOnlyMemory<byte> SetupHeader => default;

    /// <summary>Whether the file starts like an ELF file.</summary>
    public static bool IsElf(ReadOnlySpan<byte> file) => file.StartsWith("\u007fELF"u8);

    /// <summary>Reads the headers.</summary>
    /// <exception cref="EnclaveImageException">It is no x86-64 executable, or its headers contradict themselves.</exception>
    public static ElfKernel Parse(ReadOnlySpan<byte> file) => new(file);

    private static ulong? FindPvhEntry(ReadOnlySpan<byte> notes)
    {
        while (notes.Length >= 12)
        {
            ulong nameSize = Read32(notes, 0), descriptorSize = Read32(notes, 4);
            uint type = Read32(notes, 8);
            ulong nameEnd = 12 + ((nameSize + 3) & ~3UL);
            ulong noteEnd = nameEnd + ((descriptorSize + 3) & ~3UL);
            if (nameEnd + descriptorSize > (ulong)notes.Length)
                throw Bad("a note reaches past its segment");
            if (type == NotePhys32Entry && notes.Slice(12, (int)nameSize).SequenceEqual("Xen\0"u8))
            {
                ReadOnlySpan<byte> descriptor = notes.Slice((int)nameEnd, (int)descriptorSize);
                return descriptor.Length switch
                {
                    4 => Read32(descriptor, 0),
                    8 => Read64(descriptor, 0),
                    _ => throw Bad($"its PVH note holds {descriptor.Length} bytes, not an address of 4 or 8"),
                };
            }

            notes = notes[(int)Math.Min(noteEnd, (ulong)notes.Length)..];
        }

        return null;
    }

    private static bool Inside(ReadOnlySpan<byte> file, ulong offset, ulong length) =>
        offset <= (ulong)file.Length && length <= (ulong)file.Length - offset;

    private static EnclaveImageException Bad(string reason) => new($"The kernel is an ELF file that cannot be booted: {reason}.");

    private static ushort Read16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private static uint Read32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static ulong Read64(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);
}
