using System.Buffers.Binary;
using System.Globalization;

namespace EnclaveTesting.Engine.Eif;

/// <summary>The 548 bytes at the start of an image, as they are; all integers are big-endian.</summary>
internal readonly struct EifHeader
{
    public const int Size = 548;
    public const int MaxSections = 32;
    public const ushort SupportedVersion = 4;

    public const int VersionOffset = 4;
    public const int FlagsOffset = 6;
    public const int DefaultMemoryOffset = 8;
    public const int DefaultCpusOffset = 16;
    public const int SectionCountOffset = 26;
    public const int SectionOffsetsOffset = 28;
    public const int SectionSizesOffset = SectionOffsetsOffset + 8 * MaxSections;
    public const int Crc32Offset = Size - 4;

    private const ushort Aarch64Flag = 1;

    private readonly byte[] _bytes;

    private EifHeader(byte[] bytes) => _bytes = bytes;

    /// <summary>Magic number, ".eif".</summary>
    public static ReadOnlySpan<byte> Magic => ".eif"u8;

    /// <summary>The bytes the CRC covers: all but the CRC itself.</summary>
    public ReadOnlySpan<byte> CheckedBytes => _bytes.AsSpan(0, Crc32Offset);

    public int Version => UInt16(VersionOffset);

    public EifArchitecture Architecture => (UInt16(FlagsOffset) & Aarch64Flag) != 0 ? EifArchitecture.Aarch64 : EifArchitecture.X86_64;

    public long DefaultMemory => (long)UInt64(DefaultMemoryOffset);

    public long DefaultCpus => (long)UInt64(DefaultCpusOffset);

    public int SectionCount => UInt16(SectionCountOffset);

    public uint Crc32 => BinaryPrimitives.ReadUInt32BigEndian(_bytes.AsSpan(Crc32Offset));

    /// <summary>Offset of a section's header in the image; unchecked.</summary>
    public ulong SectionOffset(int index) => UInt64(SectionOffsetsOffset + 8 * index);

    /// <summary>Length of a section's data; unchecked.</summary>
    public ulong SectionSize(int index) => UInt64(SectionSizesOffset + 8 * index);

    /// <summary>Checks everything that can be checked without the rest of the image.</summary>
    /// <param name="image">Name for messages.</param>
    /// <param name="bytes">What could be read of the header; kept.</param>
    public static EifHeader Parse(string image, byte[] bytes)
    {
        var magic = bytes.AsSpan(0, Math.Min(bytes.Length, Magic.Length));
        if (!Magic.StartsWith(magic))
            throw new EifFormatException(image, 0, "the magic number \".eif\" (2e656966)", Convert.ToHexStringLower(magic));
        if (bytes.Length < Size)
            throw new EifFormatException(image, bytes.Length, $"a header of {Size} bytes", $"the end of the image after {bytes.Length} bytes");

        var header = new EifHeader(bytes);
        if (header.Version != SupportedVersion)
            throw new EifFormatException(image, VersionOffset, $"EIF version {SupportedVersion}", $"version {header.Version}");
        int flags = header.UInt16(FlagsOffset);
        if ((flags & ~Aarch64Flag) != 0)
            throw new EifFormatException(image, FlagsOffset, "flags 0x0000 (x86_64) or 0x0001 (aarch64)", $"0x{flags:x4}");
        header.RequireInt64(image, DefaultMemoryOffset, "a default memory size in bytes");
        header.RequireInt64(image, DefaultCpusOffset, "a default number of CPUs");
        if (header.SectionCount is 0 or > MaxSections)
            throw new EifFormatException(image, SectionCountOffset, $"1 to {MaxSections} sections", header.SectionCount.ToString(CultureInfo.InvariantCulture));
        return header;
    }

    /// <summary>Writes a header; the CRC field is left zero.</summary>
    public static byte[] Create(EifArchitecture architecture, long defaultMemory, long defaultCpus, ReadOnlySpan<long> offsets, ReadOnlySpan<long> sizes)
    {
        var bytes = new byte[Size];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(VersionOffset), SupportedVersion);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(FlagsOffset), architecture == EifArchitecture.Aarch64 ? Aarch64Flag : (ushort)0);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(DefaultMemoryOffset), defaultMemory);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(DefaultCpusOffset), defaultCpus);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(SectionCountOffset), (ushort)offsets.Length);
        for (int i = 0; i < offsets.Length; i++)
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(SectionOffsetsOffset + 8 * i), offsets[i]);
            BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(SectionSizesOffset + 8 * i), sizes[i]);
        }

        return bytes;
    }

    private ushort UInt16(int offset) => BinaryPrimitives.ReadUInt16BigEndian(_bytes.AsSpan(offset));

    private ulong UInt64(int offset) => BinaryPrimitives.ReadUInt64BigEndian(_bytes.AsSpan(offset));

    private void RequireInt64(string image, int offset, string what)
    {
        ulong value = UInt64(offset);
        if (value > long.MaxValue)
            throw new EifFormatException(image, offset, $"{what} of at most {long.MaxValue}", value.ToString(CultureInfo.InvariantCulture));
    }
}
