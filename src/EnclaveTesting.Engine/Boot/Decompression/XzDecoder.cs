using System.Buffers.Binary;
using System.IO.Hashing;
using SharpCompress.Compressors.LZMA;

namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>
/// One .xz stream (The .xz File Format, 1.1.0): blocks of LZMA2, behind the filter for x86 code in kernels. CRC-32, which is what Linux
/// knows, is checked; other checks are not.
/// </summary>
internal sealed class XzDecoder(CompressedInput input, long limit) : LibraryDecoder(input)
{
    private const byte Lzma2 = 0x21, X86 = 0x04;
    private const int Alignment = 4, MaximumWindowCode = 40;

    protected override Stream Open(Stream source) => new Blocks(Input, source, limit);

    /// <summary>The blocks' content.</summary>
    private sealed class Blocks(CompressedInput input, Stream source, long limit) : InputStream
    {
        private static readonly byte[] CheckSizes = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64];

        private readonly Crc32 _crc = new();
        private Stream? _block;
        private long _blockStart;
        private byte _check;
        private bool _begun, _ended;

        public override int Read(Span<byte> buffer)
        {
            if (!_begun)
                ReadStreamHeader();
            while (!_ended)
            {
                if (_block is null && !TryOpenBlock())
                    break;
                int count = _block!.Read(buffer);
                if (count > 0)
                {
                    _crc.Append(buffer[..count]);
                    return count;
                }

                EndBlock();
            }

            return 0;
        }

        private static uint Read32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

        private void ReadStreamHeader()
        {
            Span<byte> header = stackalloc byte[12];
            long start = input.Position;
            input.ReadExactly(header);
            if (header[0] != 0xFD || !header[1..].StartsWith("7zXZ\0"u8))
                throw new CompressedDataException(start, "the start of an .xz stream", Convert.ToHexStringLower(header[..6]));
            if (Crc32.HashToUInt32(header[6..8]) != Read32(header[8..]))
                throw new CompressedDataException(start + 8, "the header's CRC-32", Convert.ToHexStringLower(header[8..]));
            if (header[6] != 0 || header[7] > 15)
                throw new UnknownDataException($"an .xz stream with flags {header[6]:x2}{header[7]:x2}");
            _check = header[7];
            _begun = true;
        }

        private bool TryOpenBlock()
        {
            byte size = input.ReadByte();
            if (size == 0)
            {
                ReadIndex();
                _ended = true;
                return false;
            }

            byte[] header = new byte[(size + 1) * Alignment];
            header[0] = size;
            long start = input.Position - 1;
            input.ReadExactly(header.AsSpan(1));
            if (Crc32.HashToUInt32(header.AsSpan(..^4)) != Read32(header.AsSpan(header.Length - 4)))
                throw new CompressedDataException(start + header.Length - 4, "the block header's CRC-32", Convert.ToHexStringLower(header[^4..]));
            (byte window, uint? x86Start) = ReadFilters(header.AsSpan(..^4));
            _blockStart = input.Position;
            Stream lzma = LzmaStream.Create([Shrink(window)], source, inputSize: -1, outputSize: -1, presetDictionary: null, isLzma2: true, leaveOpen: true);
            _block = x86Start is { } position ? new X86FilterStream(lzma, position) : lzma;
            return true;
        }

        private static (byte Window, uint? X86Start) ReadFilters(ReadOnlySpan<byte> header)
        {
            byte flags = header[1];
            int filters = (flags & 3) + 1;
            int position = 2;
            if ((flags & 0x40) != 0)
                ReadNumber(header, ref position);
            if ((flags & 0x80) != 0)
                ReadNumber(header, ref position);
            uint? x86 = null;
            for (int i = 0; i < filters; i++)
            {
                ulong id = ReadNumber(header, ref position);
                ulong size = ReadNumber(header, ref position);
                if (size > (ulong)(header.Length - position))
                    throw new UnknownDataException("an .xz block whose filters do not fit into its header");
                ReadOnlySpan<byte> properties = header.Slice(position, (int)size);
                position += (int)size;
                bool last = i == filters - 1;
                if (id == Lzma2 && last && size == 1 && properties[0] <= MaximumWindowCode)
                    return (properties[0], x86);
                if (id != X86 || i != 0 || last || size is not (0 or 4))
                    throw new UnknownDataException($"an .xz block with filter 0x{id:x}");
                x86 = size == 4 ? Read32(properties) : 0;
            }

            throw new UnknownDataException("an .xz block without LZMA2");
        }

        private static ulong ReadNumber(ReadOnlySpan<byte> bytes, ref int position)
        {
            ulong value = 0;
            for (int shift = 0; shift < 63 && position < bytes.Length; shift += 7)
            {
                byte next = bytes[position++];
                value |= (ulong)(next & 0x7F) << shift;
                if ((next & 0x80) == 0)
                    return value;
            }

            throw new UnknownDataException("an .xz block header with a number that does not end");
        }

        // A window larger than everything that can be looked back to would only cost memory: code c stands for (2 or 3) << (c / 2 + 11).
        private byte Shrink(byte window)
        {
            long wanted = Math.Min(limit, MaximumWindow);
            byte code = 0;
            while (code < window && (2L | (code & 1U)) << ((code / 2) + 11) < wanted)
                code++;
            return code;
        }

        private void EndBlock()
        {
            _block!.Dispose();
            _block = null;
            input.Skip(-(input.Position - _blockStart) & (Alignment - 1));
            Span<byte> check = stackalloc byte[CheckSizes[_check]];
            long position = input.Position;
            input.ReadExactly(check);
            uint sum = _crc.GetCurrentHashAsUInt32();
            _crc.Reset();
            if (_check == 1 && sum != Read32(check))
                throw new CompressedDataException(position, $"CRC-32 0x{sum:x8}, which the unpacked block has", $"0x{Read32(check):x8}");
        }

        private void ReadIndex()
        {
            long start = input.Position - 1;
            ulong records = ReadNumber();
            for (ulong i = 0; i < records; i++)
            {
                ReadNumber();
                ReadNumber();
            }

            input.Skip(-(input.Position - start) & (Alignment - 1));
            input.Skip(4);
            Span<byte> footer = stackalloc byte[12];
            long position = input.Position;
            input.ReadExactly(footer);
            if (!footer.EndsWith("YZ"u8))
                throw new CompressedDataException(position, "the end of an .xz stream", Convert.ToHexStringLower(footer));
        }

        private ulong ReadNumber()
        {
            ulong value = 0;
            for (int shift = 0; shift < 63; shift += 7)
            {
                byte next = input.ReadByte();
                value |= (ulong)(next & 0x7F) << shift;
                if ((next & 0x80) == 0)
                    return value;
            }

            throw new CompressedDataException(input.Position, "the end of a number", "more of it");
        }
    }
}
