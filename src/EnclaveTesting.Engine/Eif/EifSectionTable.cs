using System.Buffers.Binary;
using System.Globalization;

namespace EnclaveTesting.Engine.Eif;

/// <summary>Reads and checks the table of sections: nothing is allocated for a section before its place in the image is known to be real.</summary>
internal static class EifSectionTable
{
    /// <summary>
    /// Where the last section ends, from the header alone. Overlaps and sizes are checked here, so that a stream of unknown
    /// length is read no further than a consistent header says.
    /// </summary>
    public static long Extent(string image, in EifHeader header)
    {
        var places = new (long Start, long End, int Index)[header.SectionCount];
        for (int i = 0; i < places.Length; i++)
        {
            ulong offset = header.SectionOffset(i);
            if (offset is < EifHeader.Size or > long.MaxValue / 2)
            {
                throw new EifFormatException(image, EifHeader.SectionOffsetsOffset + 8 * i,
                    $"an offset of section {i} behind the header ({EifHeader.Size}) and inside the image", offset.ToString(CultureInfo.InvariantCulture));
            }

            ulong size = header.SectionSize(i);
            if (size > (ulong)Array.MaxLength)
            {
                throw new EifFormatException(image, EifHeader.SectionSizesOffset + 8 * i,
                    $"a size of section {i} of less than 2 GiB ({Array.MaxLength} bytes at most)", $"{size} bytes");
            }

            places[i] = ((long)offset, (long)offset + EifSection.HeaderSize + (long)size, i);
        }

        Array.Sort(places, static (a, b) => a.Start.CompareTo(b.Start));
        for (int i = 1; i < places.Length; i++)
        {
            if (places[i].Start < places[i - 1].End)
            {
                throw new EifFormatException(image, EifHeader.SectionOffsetsOffset + 8 * places[i].Index,
                    $"section {places[i].Index} behind the end of section {places[i - 1].Index} at {places[i - 1].End}",
                    $"an overlap: it starts at {places[i].Start}");
            }
        }

        return places[^1].End;
    }

    /// <summary>Reads every section header and checks that the set of sections is a bootable image's.</summary>
    public static EifSection[] Read(EifSource source, in EifHeader header)
    {
        RequireInside(source, header);

        var sections = new EifSection[header.SectionCount];
        var seen = new Dictionary<EifSectionType, int>();
        for (int i = 0; i < sections.Length; i++)
        {
            long offset = (long)header.SectionOffset(i);
            var bytes = new byte[EifSection.HeaderSize];
            source.ReadExactly(offset, bytes);

            var type = (EifSectionType)BinaryPrimitives.ReadUInt16BigEndian(bytes);
            if (type == EifSectionType.Invalid)
                throw new EifFormatException(source.Name, offset, $"a type of section {i} other than 0", "0, which means invalid");
            int flags = BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(2));
            if (flags != 0)
                throw new EifFormatException(source.Name, offset + 2, $"flags 0x0000 of section {i}", $"0x{flags:x4}");
            ulong size = BinaryPrimitives.ReadUInt64BigEndian(bytes.AsSpan(4));
            if (size != header.SectionSize(i))
                throw new EifFormatException(source.Name, offset + 4, $"the size of section {i} that the header gives, {header.SectionSize(i)} bytes", $"{size} bytes");

            if (!seen.TryAdd(type, i) && type is EifSectionType.Kernel or EifSectionType.CommandLine or EifSectionType.Signature or EifSectionType.Metadata)
                throw new EifFormatException(source.Name, offset, $"one section of type {type}", $"a second one as section {i}, the first is section {seen[type]}");
            sections[i] = new EifSection(source, i, type, offset + EifSection.HeaderSize, (int)size, bytes);
        }

        foreach (var type in (ReadOnlySpan<EifSectionType>)[EifSectionType.Kernel, EifSectionType.CommandLine, EifSectionType.Ramdisk])
        {
            if (!seen.ContainsKey(type))
            {
                throw new EifFormatException(source.Name, EifHeader.SectionCountOffset, $"a section of type {type}",
                    $"none among {sections.Length}: {string.Join(", ", sections.Select(section => section.Type))}");
            }
        }

        return sections;
    }

    private static void RequireInside(EifSource source, in EifHeader header)
    {
        _ = Extent(source.Name, header);
        for (int i = 0; i < header.SectionCount; i++)
        {
            long start = (long)header.SectionOffset(i);
            if (start > source.Length - EifSection.HeaderSize)
            {
                throw new EifFormatException(source.Name, EifHeader.SectionOffsetsOffset + 8 * i,
                    $"section {i} inside the image of {source.Length} bytes", $"offset {start}: the image is truncated or the offset is wrong");
            }

            long size = (long)header.SectionSize(i);
            long available = source.Length - start - EifSection.HeaderSize;
            if (size > available)
            {
                throw new EifFormatException(source.Name, EifHeader.SectionSizesOffset + 8 * i,
                    $"section {i} inside the image of {source.Length} bytes", $"{size} bytes at offset {start + EifSection.HeaderSize}, of which {available} are there");
            }
        }
    }
}
