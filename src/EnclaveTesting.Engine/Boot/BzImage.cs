using System.Buffers.Binary;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>A Linux bzImage for x86-64 (Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header").</summary>
internal sealed class BzImage : IKernel
{
    /// <summary>Where the setup header stands, in the file and in boot_params alike.</summary>
    public const int SetupHeaderOffset = 0x1F1;

    private const uint HeaderMagic = 0x53726448; // "HdrS"
    private const int MinimumVersion = 0x020C; // the first with xloadflags
    private const int KernelIs64Bit = 1, LoadableAbove4GiB = 2;
    private const int SectorSize = 512;
    private const ulong Entry64Offset = 0x200;

    private BzImage(ReadOnlySpan<byte> file, long length)
    {
        int setupSectors = file[SetupHeaderOffset] == 0 ? 4 : file[SetupHeaderOffset];
        long setupSize = (setupSectors + 1L) * SectorSize;
        if (length <= setupSize)
            throw Bad($"it ends inside its setup code ({length} bytes, setup code {setupSize} bytes)");

        int version = Read16(file, 0x206);
        int loadFlags = Read16(file, 0x236);
        if (version < MinimumVersion || (loadFlags & KernelIs64Bit) == 0)
            throw Bad($"it has no 64-bit entry (boot protocol {version >> 8}.{version & 0xFF:00}, xloadflags 0x{loadFlags:x})");

        ulong preferred = BinaryPrimitives.ReadUInt64LittleEndian(file[0x258..]);
        uint initSize = Read32(file, 0x260);
        long code = length - setupSize;
        if (preferred < MemoryLayout.HighMemoryStart || preferred >= MemoryLayout.DeviceHoleStart)
            throw Bad($"its preferred load address 0x{preferred:x} is not between 1 MiB and 3 GiB");

        Start = preferred;
        End = preferred + Math.Max(initSize, (ulong)code);
        EntryAddress = preferred + Entry64Offset;
        Placements = [new KernelPlacement(setupSize, code, new GuestAddress(preferred))];
        InitrdLimit = (loadFlags & LoadableAbove4GiB) != 0 ? ulong.MaxValue : Read32(file, 0x22C) + 1UL;
        MaximumCommandLine = (int)Math.Min(Read32(file, 0x238), MaximumCommandLineHere);
        long payload = setupSize + Read32(file, 0x248);
        uint payloadLength = Read32(file, 0x24C);
        if (payloadLength > sizeof(uint) && payload + payloadLength <= length)
            Payload = (payload, payloadLength);
        int headerEnd = 0x202 + file[0x201];
        SetupHeader = file[SetupHeaderOffset..headerEnd].ToArray();
    }

    /// <summary>How many bytes of the file's start <see cref="Parse"/> reads.</summary>
    public const int HeaderSize = 0x202 + 0x100;

    /// <summary>Room for the command line in the boot area, without the terminating zero.</summary>
    public const int MaximumCommandLineHere = 0xFFFF;

    public KernelEntry Entry => KernelEntry.Linux64;

    public ulong EntryAddress { get; }

    public IReadOnlyList<KernelPlacement> Placements { get; }

    public ulong Start { get; }

    public ulong End { get; }

    public ulong InitrdLimit { get; }

    public int MaximumCommandLine { get; }

    public ReadOnlyMemory<byte> SetupHeader { get; }

    /// <summary>Offset and length in the file of the compressed kernel, whose last four bytes tell its unpacked length; null if the header names none.</summary>
    public (long Offset, long Length)? Payload { get; }

    /// <summary>Whether the file has a bzImage's signatures.</summary>
    public static bool IsBzImage(ReadOnlySpan<byte> file) =>
        file.Length >= 0x268 && Read16(file, 0x1FE) == 0xAA55 && Read32(file, 0x202) == HeaderMagic;

    /// <summary>Reads the header.</summary>
    /// <param name="start">The file's first <see cref="HeaderSize"/> bytes, or more.</param>
    /// <param name="length">Length of the whole file.</param>
    /// <exception cref="EnclaveImageException">It is no 64-bit kernel, or its header contradicts itself.</exception>
    public static BzImage Parse(ReadOnlySpan<byte> start, long length) => new(start, length);

    private static EnclaveImageException Bad(string reason) => new($"The kernel is a bzImage that cannot be booted: {reason}.");

    private static ushort Read16(ReadOnlySpan<byte> file, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(file[offset..]);

    private static uint Read32(ReadOnlySpan<byte> file, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(file[offset..]);
}
