using System.Buffers.Binary;

namespace EnclaveTesting.Engine.Tests.Eif;

/// <summary>
/// Writes images straight from the format's description, without the builder under test: sections in any order, at any place,
/// with any mistake.
/// </summary>
internal sealed class RawEif
{
    public const int HeaderSize = 548;
    public const int SectionHeaderSize = 12;

    public List<Section> Sections { get; } = [];

    public ushort Version { get; set; } = 4;

    public ushort Flags { get; set; }

    /// <summary>Bytes between sections.</summary>
    public int Gap { get; set; }

    /// <summary>Whether the last section of the table comes first in the file.</summary>
    public bool Reversed { get; set; }

    public static RawEif Sample(int seed = 1) => new RawEif()
        .Add(1, Bytes(seed, 5000))
        .Add(2, "console=ttyS0 panic=1"u8.ToArray())
        .Add(3, Bytes(seed + 1, 3000))
        .Add(3, Bytes(seed + 2, 7000));

    public static byte[] Bytes(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public RawEif Add(ushort type, byte[] data, ushort flags = 0)
    {
        Sections.Add(new Section(type, data, flags));
        return this;
    }

    public byte[] Build()
    {
        int length = HeaderSize + Sections.Sum(section => SectionHeaderSize + section.Data.Length + Gap);
        var image = new byte[length];
        ".eif"u8.CopyTo(image);
        BinaryPrimitives.WriteUInt16BigEndian(image.AsSpan(4), Version);
        BinaryPrimitives.WriteUInt16BigEndian(image.AsSpan(6), Flags);
        BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(8), 512UL << 20);
        BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(16), 3);
        BinaryPrimitives.WriteUInt16BigEndian(image.AsSpan(26), (ushort)Sections.Count);

        int offset = HeaderSize;
        IEnumerable<int> order = Enumerable.Range(0, Sections.Count);
        foreach (int index in Reversed ? order.Reverse() : order)
        {
            var section = Sections[index];
            offset += Gap;
            BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(28 + 8 * index), (ulong)offset);
            BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(284 + 8 * index), (ulong)section.Data.Length);
            BinaryPrimitives.WriteUInt16BigEndian(image.AsSpan(offset), section.Type);
            BinaryPrimitives.WriteUInt16BigEndian(image.AsSpan(offset + 2), section.Flags);
            BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(offset + 4), (ulong)section.Data.Length);
            section.Data.CopyTo(image, offset + SectionHeaderSize);
            offset += SectionHeaderSize + section.Data.Length;
        }

        BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(544), Crc(image));
        return image;
    }

    /// <summary>The CRC by the book: bit by bit, header first, then the sections in the order of the table.</summary>
    public static uint Crc(ReadOnlySpan<byte> image)
    {
        uint crc = Update(uint.MaxValue, image[..544]);
        for (int i = 0; i < BinaryPrimitives.ReadUInt16BigEndian(image[26..]); i++)
        {
            int offset = (int)BinaryPrimitives.ReadUInt64BigEndian(image[(28 + 8 * i)..]);
            int size = (int)BinaryPrimitives.ReadUInt64BigEndian(image[(284 + 8 * i)..]);
            crc = Update(crc, image.Slice(offset, SectionHeaderSize + size));
        }

        return ~crc;
    }

    private static uint Update(uint crc, ReadOnlySpan<byte> bytes)
    {
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xEDB88320 : crc >> 1;
        }

        return crc;
    }

    internal sealed record Section(ushort Type, byte[] Data, ushort Flags);
}
