using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>
/// The legacy format of LZ4, which Linux uses: blocks of up to 8 MiB, each by itself, until the data ends (LZ4 Frame Format Description,
/// "Legacy frame"; LZ4 Block Format Description). Zeroes behind the blocks end them too.
/// </summary>
internal sealed unsafe class Lz4Decoder : Decoder
{
    private const uint Magic = 0x184C_2102;
    private const int MaximumBlock = 8 << 20;
    private const int MaximumPacked = MaximumBlock + (MaximumBlock / 255) + 16;
    private const int History = 64 * 1024, Size = 256 * 1024;
    private const int MinimumMatch = 4, LongNibble = 15;

    // What the fast path may read and write without looking: token, 14 literals read as 16, offset; 16 and 18 bytes written as 16 and 32.
    private const int FastRead = 1 + 16 + 2, FastWrite = 16 + 32;

    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(Size);
    private int _taken, _end, _blockStart;
    private int _packed; // bytes of the block still to read
    private int _blockLength;
    private int _literals, _match, _distance;
    private bool _matchFollows, _ended;

    public Lz4Decoder(CompressedInput input)
        : base(input)
    {
        Span<byte> magic = stackalloc byte[4];
        long start = input.Position;
        input.ReadExactly(magic);
        if (BinaryPrimitives.ReadUInt32LittleEndian(magic) != Magic)
            throw new CompressedDataException(start, "the start of LZ4 data in the legacy format", Convert.ToHexStringLower(magic));
    }

    [MethodImpl(Jit.Hot)]
    public override int Read(Span<byte> destination)
    {
        if (_taken == _end && !destination.IsEmpty)
        {
            Slide();
            while (_end < Size && !_ended)
                Step();
        }

        int count = Math.Min(destination.Length, _end - _taken);
        _bytes.AsSpan(_taken, count).CopyTo(destination);
        _taken += count;
        return count;
    }

    private void Slide()
    {
        int drop = Math.Max(0, _end - History);
        _bytes.AsSpan(drop, _end - drop).CopyTo(_bytes);
        _end -= drop;
        _taken = _end;
        _blockStart = Math.Max(0, _blockStart - drop);
    }

    // Goes on with whatever is half done, or with the next sequence, or the next block.
    [MethodImpl(Jit.Hot)]
    private void Step()
    {
        if (_literals > 0)
            CopyLiterals();
        else if (_matchFollows)
            BeginMatch();
        else if (_match > 0)
            CopyMatch();
        else if (_packed == 0)
            BeginBlock();
        else if (!TryRunFast())
            BeginSequence();
    }

    private void BeginBlock()
    {
        while (true)
        {
            if (!Input.Fill(sizeof(uint)))
            {
                // Fewer bytes than a block's length has: nothing, or padding.
                Input.Advance(Input.Buffer.Length);
                _ended = true;
                return;
            }

            uint packed = BinaryPrimitives.ReadUInt32LittleEndian(Input.Buffer);
            if (packed == 0)
            {
                _ended = true;
                return;
            }

            if (packed is not Magic and > MaximumPacked)
                throw new CompressedDataException(Input.Position, $"an LZ4 block of at most {MaximumPacked} bytes", $"{packed} bytes");
            Input.Advance(sizeof(uint));
            if (packed == Magic)
                continue;
            _packed = (int)packed;
            _blockLength = 0;
            _blockStart = _end;
            return;
        }
    }

    [MethodImpl(Jit.Hot)]
    private void BeginSequence()
    {
        int token = Next();
        _literals = Length(token >> 4);
        _match = (token & LongNibble) + MinimumMatch;
        CountOutput(_literals);
        // The last sequence of a block has no match.
        if (_literals > _packed)
            throw Damaged($"{_literals} literals", $"a block with {_packed} bytes left");
        _matchFollows = _literals < _packed;
        if (!_matchFollows)
            _match = 0;
    }

    [MethodImpl(Jit.Hot)]
    private void CopyLiterals()
    {
        if (!Input.Fill(1))
            throw Input.Truncated(_literals);
        int count = Math.Min(Math.Min(_literals, Input.Buffer.Length), Size - _end);
        Input.Buffer[..count].CopyTo(_bytes.AsSpan(_end));
        Input.Advance(count);
        _packed -= count;
        _literals -= count;
        _end += count;
    }

    [MethodImpl(Jit.Hot)]
    private void BeginMatch()
    {
        _matchFollows = false;
        _distance = Next() | (Next() << 8);
        _match = _match - MinimumMatch == LongNibble ? Length(LongNibble) + MinimumMatch : _match;
        CountOutput(_match);
        if (_distance == 0 || _distance > _end - _blockStart)
            throw Damaged($"a distance of 1 to {_end - _blockStart}", $"{_distance}");
    }

    [MethodImpl(Jit.Hot)]
    private void CopyMatch()
    {
        int count = Math.Min(_match, Size - _end);
        _match -= count;
        // A match may repeat what it writes itself: in pieces that do not overlap, each as long as all before it.
        int source = _end - _distance;
        while (count > 0)
        {
            int piece = Math.Min(count, _end - source);
            _bytes.AsSpan(source, piece).CopyTo(_bytes.AsSpan(_end));
            _end += piece;
            count -= piece;
        }
    }

    // Short sequences, as most are, while there is room on both sides; false if the next one needs care.
    [MethodImpl(Jit.Hot)]
    private bool TryRunFast()
    {
        if (!Input.Fill(Math.Min(_packed, FastRead)))
            throw Input.Truncated(_packed);
        ReadOnlySpan<byte> source = Input.Buffer;
        int available = Math.Min(source.Length, _packed);
        int end = _end, done;
        fixed (byte* input = source, output = _bytes)
        {
            byte* from = input, fromEnd = input + available - FastRead, to = output + end;
            byte* toEnd = output + Math.Min(Size, (long)end + MaximumBlock - _blockLength) - FastWrite;
            byte* blockStart = output + _blockStart;
            // Strictly before the end: the last sequence of a block has no match.
            while (from < fromEnd && to <= toEnd)
            {
                int token = *from;
                int literals = token >> 4, match = token & LongNibble;
                if (literals == LongNibble || match == LongNibble)
                    break;
                int distance = *(from + 1 + literals) | (*(from + 2 + literals) << 8);
                byte* copy = to + literals - distance;
                if (distance < 8 || copy < blockStart)
                    break;
                Unsafe.CopyBlockUnaligned(to, from + 1, 16);
                to += literals;
                from += 3 + literals;
                // Eight at a time: the distance is no shorter.
                *(ulong*)to = *(ulong*)copy;
                *(ulong*)(to + 8) = *(ulong*)(copy + 8);
                *(ushort*)(to + 16) = *(ushort*)(copy + 16);
                to += match + MinimumMatch;
            }

            done = (int)(from - input);
            _end = (int)(to - output);
        }

        Input.Advance(done);
        _packed -= done;
        _blockLength += _end - end;
        return done > 0;
    }

    private byte Next()
    {
        if (_packed == 0)
            throw Damaged("more of the block", "its end");
        _packed--;
        return Input.ReadByte();
    }

    private int Length(int nibble)
    {
        int length = nibble;
        if (nibble != LongNibble)
            return length;
        byte next;
        do
        {
            next = Next();
            length += next;
            if (length > MaximumBlock)
                throw Damaged($"a length of at most {MaximumBlock}", $"{length}");
        }
        while (next == byte.MaxValue);
        return length;
    }

    private void CountOutput(int count)
    {
        _blockLength += count;
        if (_blockLength > MaximumBlock)
            throw Damaged($"a block that unpacks to at most {MaximumBlock} bytes", "more");
    }

    private CompressedDataException Damaged(string expected, string found) => new(Input.Position, expected, found);
}
