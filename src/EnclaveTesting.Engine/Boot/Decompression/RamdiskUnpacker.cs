using EnclaveTesting.Engine.Images;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>
/// Does what Linux does with its initrd (init/initramfs.c), up to the files: archives one after the other, each plain or packed by
/// itself, with zeroes between them. They come out plain, each at a multiple of four, which a kernel takes the same way.
/// </summary>
/// <param name="memory">The guest's RAM.</param>
/// <param name="start">Where the first archive is to stand.</param>
/// <param name="room">How many bytes all may take; all of it RAM.</param>
internal sealed class RamdiskUnpacker(GuestMemory memory, GuestAddress start, int room)
{
    private const int Alignment = 4;
    private const int FirstSteps = 16;

    private int _length;

    /// <summary>How many bytes stand there now.</summary>
    public int Length => _length;

    /// <summary>How many packed archives were found.</summary>
    public int Unpacked { get; private set; }

    /// <summary>
    /// Whether a ramdisk holds a packed archive at its start, or behind one with few files: processors' microcode stands in front.
    /// </summary>
    /// <param name="length">The ramdisk's length.</param>
    /// <param name="read">Fills a buffer from an offset in the ramdisk.</param>
    public static bool IsPacked(long length, Action<long, byte[]> read)
    {
        byte[] header = new byte[CpioHeader.Size];
        long position = 0;
        for (int i = 0; i < FirstSteps && position <= length - header.Length; i++)
        {
            read(position, header);
            if (header[0] == 0)
            {
                int zeroes = header.AsSpan().IndexOfAnyExcept((byte)0);
                position += zeroes < 0 ? header.Length : zeroes;
            }
            else if (CpioHeader.TryParse(header, out CpioHeader file))
            {
                position += file.Total;
            }
            else
            {
                return Decoder.Detect(header) is not null;
            }
        }

        return false;
    }

    /// <summary>Unpacks, behind what is there already.</summary>
    /// <exception cref="UnknownDataException">The kernel is to make of it what it can.</exception>
    /// <exception cref="CompressedDataException">An archive is damaged.</exception>
    public void Unpack(CompressedInput input)
    {
        while (input.Fill(1))
        {
            byte first = input.Buffer[0];
            if (first == 0)
            {
                input.Advance(1);
            }
            else
            {
                Align();
                // Where a kernel would not look for a plain archive, there is none.
                if (first == '0' && input.Position % Alignment == 0)
                    CopyPlain(input);
                else if (input.Fill(Decoder.MagicSize) && Decoder.Detect(input.Buffer) is { } format)
                    UnpackArchive(format, input);
                else
                    throw new UnknownDataException($"no archive at offset {input.Position}");
            }
        }
    }

    /// <summary>Makes memory what it was before.</summary>
    public void Undo() => memory.GetSpan(start, _length).Clear();

    private Span<byte> Take(long count)
    {
        if (count > room - _length)
            throw new UnknownDataException($"it takes more than {room} bytes unpacked, and the guest needs the rest of its memory");
        Span<byte> target = memory.GetSpan(start + (ulong)_length, (int)count);
        _length += (int)count;
        return target;
    }

    private void Align() => Take(-_length & (Alignment - 1));

    private void CopyPlain(CompressedInput input)
    {
        Span<byte> header = stackalloc byte[CpioHeader.Size];
        while (true)
        {
            long position = input.Position;
            if (!input.Fill(CpioHeader.Size))
                throw new UnknownDataException($"an archive that ends at offset {position}");
            input.ReadExactly(header);
            if (!CpioHeader.TryParse(header, out CpioHeader file))
                throw new UnknownDataException($"no file of an archive at offset {position}");
            header.CopyTo(Take(CpioHeader.Size));
            bool last = input.Fill((int)file.NameSize) && file.IsTrailer(input.Buffer);
            // The padding behind the last file may be missing.
            Span<byte> rest = Take(last ? file.NameSize : file.Total - CpioHeader.Size);
            if (input.Read(rest) > 0)
                throw new UnknownDataException($"an archive that ends in the file at offset {position}");
            if (last)
                return;
        }
    }

    private void UnpackArchive(CompressionFormat format, CompressedInput input)
    {
        int begin = _length;
        using Decoder decoder = Decoder.Open(format, input, room);
        // One byte more than there is room for tells an end from a lack of room.
        Span<byte> extra = stackalloc byte[1];
        while (true)
        {
            Span<byte> target = memory.GetSpan(start + (ulong)_length, room - _length);
            int count = decoder.Read(target.IsEmpty ? extra : target);
            if (count == 0)
                break;
            Take(count);
        }

        CheckArchives(memory.GetSpan(start + (ulong)begin, _length - begin));
        Unpacked++;
    }

    // A kernel that unpacks this itself would complain about anything else; it is not to miss the reason for it.
    private static void CheckArchives(ReadOnlySpan<byte> bytes)
    {
        long position = 0;
        while (position < bytes.Length)
        {
            ReadOnlySpan<byte> rest = bytes[(int)position..];
            int zeroes = rest.IndexOfAnyExcept((byte)0);
            if (zeroes < 0)
                return;
            if (zeroes > 0)
            {
                position += zeroes;
                continue;
            }

            if (position % Alignment != 0 || !CpioHeader.TryParse(rest, out CpioHeader file) || (file.Total > rest.Length && !file.IsTrailer(rest[CpioHeader.Size..])))
                throw new UnknownDataException($"a packed archive with something else at offset {position} of its content");
            position += file.Total;
        }
    }
}
