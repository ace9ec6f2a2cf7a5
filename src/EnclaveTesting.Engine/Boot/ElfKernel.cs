using System.Buffers.Binary;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>
/// An x86-64 ELF executable as a kernel: entered through its PVH note (Xen's XEN_ELFNOTE_PHYS32_ENTRY) where it has
/// one, else in long mode at its entry point by the Linux 64-bit boot protocol.
/// </summary>
internal sealed class ElfKernel : IKernel
{
    private const uint NotePhys32Entry = 18;
    private const int LinuxCommandLine = 2047;

    private readonly List<KernelPlacement> _placements = [];

    private ElfKernel(ReadOnlySpan<byte> file)
    {
        ElfHeaders elf = ElfHeaders.Read(file, file.Length);
        ulong? pvhEntry = null;
        ulong start = ulong.MaxValue, end = 0;
        foreach (ElfSegment segment in elf.Segments)
        {
            if (segment.Type == ElfSegment.Note)
            {
                pvhEntry ??= FindPvhEntry(file.Slice((int)segment.Offset, (int)segment.FileSize));
                continue;
            }

            _placements.Add(new KernelPlacement((long)segment.Offset, (long)segment.FileSize, new GuestAddress(segment.Physical)));
            start = Math.Min(start, segment.Physical);
            end = Math.Max(end, segment.Physical + segment.MemorySize);
        }

        if (_placements.Count == 0)
            throw Bad("it has no loadable segment");
        Start = start;
        End = end;
        Entry = pvhEntry is null ? KernelEntry.Linux64 : KernelEntry.Pvh;
        EntryAddress = pvhEntry ?? elf.PhysicalEntry;
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

    private static EnclaveImageException Bad(string reason) => ElfHeaders.Bad(reason);

    private static uint Read32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static ulong Read64(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[offset..]);
}
