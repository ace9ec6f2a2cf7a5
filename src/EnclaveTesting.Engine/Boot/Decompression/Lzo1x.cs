namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>Unpacks one block of LZO1X, version 0 of its bit stream (Linux, Documentation/staging/lzo.rst).</summary>
internal ref struct Lzo1x
{
    private const int FirstLiterals = 17, ManyLiterals = 4;
    private const int FarDistance = 16384, MiddleDistance = 2049;

    private readonly ReadOnlySpan<byte> _source;
    private readonly Span<byte> _target;
    private int _read, _written;
    private bool _damaged;

    private Lzo1x(ReadOnlySpan<byte> source, Span<byte> target)
    {
        _source = source;
        _target = target;
    }

    /// <summary>Unpacks a block.</summary>
    /// <returns>Bytes written; negative if the block is damaged, ends too early or does not fit.</returns>
    public static int Decode(ReadOnlySpan<byte> source, Span<byte> target)
    {
        var decoder = new Lzo1x(source, target);
        return decoder.Run() && !decoder._damaged ? decoder._written : -1;
    }

    // True when the mark of the end was seen.
    private bool Run()
    {
        int state = 0; // literals copied by the last instruction; 4 stands for more
        if (_source.Length > 0 && _source[0] > FirstLiterals)
        {
            int literals = _source[_read++] - FirstLiterals;
            CopyLiterals(literals);
            state = Math.Min(literals, ManyLiterals);
        }

        while (!_damaged)
        {
            int code = Next();
            int length, distance;
            if (code < 16 && state == 0)
            {
                CopyLiterals(3 + Length(code, 15));
                state = ManyLiterals;
                continue;
            }

            if (code < 16)
            {
                length = state == ManyLiterals ? 3 : 2;
                distance = (Next() << 2) + (code >> 2) + (state == ManyLiterals ? MiddleDistance : 1);
                state = code & 3;
            }
            else if (code < 64)
            {
                bool far = code < 32;
                length = 2 + (far ? Length(code & 7, 7) : Length(code & 31, 31));
                int operand = Next() | (Next() << 8);
                distance = (operand >> 2) + (far ? FarDistance + ((code & 8) << 11) : 1);
                if (far && distance == FarDistance)
                    return !_damaged;
                state = operand & 3;
            }
            else
            {
                length = code < 128 ? 3 + ((code >> 5) & 1) : 5 + ((code >> 5) & 3);
                distance = (Next() << 3) + ((code >> 2) & 7) + 1;
                state = code & 3;
            }

            CopyMatch(distance, length);
            CopyLiterals(state);
        }

        return false;
    }

    private int Next()
    {
        if (_read < _source.Length)
            return _source[_read++];
        _damaged = true;
        return 0;
    }

    private int Length(int bits, int most)
    {
        if (bits != 0)
            return bits;
        int length = most;
        int next;
        while ((next = Next()) == 0 && !_damaged && length <= _target.Length)
            length += 255;
        return length + next;
    }

    private void CopyLiterals(int count)
    {
        if (count > _source.Length - _read || count > _target.Length - _written)
        {
            _damaged = true;
            return;
        }

        _source.Slice(_read, count).CopyTo(_target[_written..]);
        _read += count;
        _written += count;
    }

    private void CopyMatch(int distance, int length)
    {
        if (distance > _written || length > _target.Length - _written)
        {
            _damaged = true;
            return;
        }

        // Byte by byte: a match may repeat what it writes itself.
        for (int end = _written + length; _written < end; _written++)
            _target[_written] = _target[_written - distance];
    }
}
