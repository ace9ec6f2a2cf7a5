using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>
/// Does what a bzImage's own decompressor does (Linux, arch/x86/boot/compressed/misc.c): unpacks the ELF file inside and puts its
/// segments where it was linked for. It is always placed there, so nothing is relocated; its addresses are not randomised.
/// </summary>
internal sealed class KernelUnpacker(BzImage kernel, GuestMemory memory)
{
    // Program headers stand right behind the ELF header.
    private const int HeadSize = 4096;
    private const int LengthSize = sizeof(uint);

    private readonly List<(GuestAddress Target, int Length)> _written = [];

    /// <summary>What the payload is packed with; null until it is known.</summary>
    public CompressionFormat? Format { get; private set; }

    /// <summary>Unpacks.</summary>
    /// <param name="payload">Where the payload is in the file.</param>
    /// <param name="length">The unpacked length that the payload's last four bytes tell.</param>
    /// <param name="input">The kernel file from its first byte on.</param>
    /// <exception cref="UnknownDataException">The kernel is to unpack itself.</exception>
    /// <exception cref="CompressedDataException">The payload is damaged, or larger than the kernel says.</exception>
    public UnpackedKernel Unpack((long Offset, long Length) payload, uint length, CompressedInput input)
    {
        input.Skip(payload.Offset);
        input.End = payload.Offset + payload.Length;
        if (!input.Fill(Decoder.MagicSize) || Decoder.Detect(input.Buffer) is not { } format)
            throw new UnknownDataException($"the payload starts with {Convert.ToHexStringLower(input.Buffer[..Math.Min(Decoder.MagicSize, input.Buffer.Length)])}");
        Format = format;
        // gzip has a length of its own there, the build appends one to the others.
        if (format != CompressionFormat.Gzip)
            input.End -= LengthSize;
        ulong room = kernel.End - kernel.Start;
        if (length > room)
        {
            throw new CompressedDataException(payload.Offset + payload.Length - LengthSize,
                $"an unpacked length of at most {room} bytes, for which the header asks memory", $"{length}");
        }

        using Decoder decoder = Decoder.Open(format, input, length);
        byte[] head = new byte[Math.Min(HeadSize, length)];
        decoder.ReadExactly(head);
        ElfHeaders elf = ReadHeaders(head, length);
        long position = 0;
        foreach (ElfSegment segment in FindSegments(elf))
        {
            Skip(head, decoder, ref position, (long)segment.Offset);
            var target = new GuestAddress(segment.Physical);
            _written.Add((target, (int)segment.FileSize));
            Copy(head, decoder, ref position, memory.GetSpan(target, (int)segment.FileSize));
        }

        // What is behind the segments (relocations) is not needed, but checksums are at the end.
        Skip(head, decoder, ref position, length);
        if (decoder.Read(head) != 0)
            throw new CompressedDataException(input.Position, $"{length} unpacked bytes, as the payload's end says", "more");
        return new UnpackedKernel(kernel, elf.PhysicalEntry);
    }

    /// <summary>Makes memory what it was before.</summary>
    public void Undo()
    {
        foreach ((GuestAddress target, int length) in _written)
            memory.GetSpan(target, length).Clear();
    }

    private static ElfHeaders ReadHeaders(byte[] head, uint length)
    {
        if (!ElfKernel.IsElf(head))
            throw new UnknownDataException("the payload is no ELF file");
        try
        {
            ElfHeaders elf = ElfHeaders.Read(head, length);
            _ = elf.PhysicalEntry;
            return elf;
        }
        catch (EnclaveImageException exception)
        {
            throw new UnknownDataException(exception.Message);
        }
    }

    private List<ElfSegment> FindSegments(ElfHeaders elf)
    {
        var segments = new List<ElfSegment>();
        foreach (ElfSegment segment in elf.Segments)
        {
            if (segment.Type == ElfSegment.Load)
                segments.Add(segment);
        }

        segments.Sort(static (a, b) => a.Offset == b.Offset ? a.FileSize.CompareTo(b.FileSize) : a.Offset.CompareTo(b.Offset));
        ulong end = 0;
        foreach (ElfSegment segment in segments)
        {
            if (segment.Offset < end)
                throw new UnknownDataException("segments of the payload share bytes");
            if (segment.FileSize > int.MaxValue)
                throw new UnknownDataException($"a segment of the payload has {segment.FileSize} bytes");
            if (segment.Physical < kernel.Start || segment.Physical + segment.MemorySize > kernel.End)
                throw new UnknownDataException($"a segment of the payload (0x{segment.Physical:x}, {segment.MemorySize} bytes) lies outside 0x{kernel.Start:x} to 0x{kernel.End:x}");
            end = segment.Offset + segment.FileSize;
        }

        return segments;
    }

    private static void Copy(byte[] head, Decoder decoder, ref long position, Span<byte> target)
    {
        if (position < head.Length)
        {
            int count = Math.Min(target.Length, head.Length - (int)position);
            head.AsSpan((int)position, count).CopyTo(target);
            position += count;
            target = target[count..];
        }

        decoder.ReadExactly(target);
        position += target.Length;
    }

    private static void Skip(byte[] head, Decoder decoder, ref long position, long end)
    {
        Span<byte> scratch = stackalloc byte[HeadSize];
        while (position < end)
            Copy(head, decoder, ref position, scratch[..(int)Math.Min(scratch.Length, end - position)]);
    }
}
