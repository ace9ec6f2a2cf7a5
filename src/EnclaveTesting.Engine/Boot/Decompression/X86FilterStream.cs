using System.Buffers.Binary;
using System.Numerics;

namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>
/// Undoes the .xz filter for x86 code, which makes the operands of CALL and JMP (E8, E9) absolute, so that calls of one function look
/// alike: turns them relative again.
/// </summary>
internal sealed class X86FilterStream(Stream inner, uint position) : InputStream
{
    private const int OperandSize = 4;

    private readonly byte[] _bytes = new byte[64 * 1024];
    private uint _position = position; // of _bytes[_done] in the code
    private int _taken, _done, _end; // taken by the reader, filtered, read
    private uint _passed; // which of the last three bytes were opcodes that were left alone; bit 0 is the last byte
    private bool _ended;

    public override int Read(Span<byte> buffer)
    {
        while (_taken == _done && !(_ended && _done == _end))
            Refill();
        int count = Math.Min(buffer.Length, _done - _taken);
        _bytes.AsSpan(_taken, count).CopyTo(buffer);
        _taken += count;
        return count;
    }

    protected override void Dispose(bool disposing)
    {
        inner.Dispose();
        base.Dispose(disposing);
    }

    private static bool IsSign(byte value) => value is 0 or 0xFF;

    private void Refill()
    {
        _bytes.AsSpan(_taken, _end - _taken).CopyTo(_bytes);
        _done -= _taken;
        _end -= _taken;
        _taken = 0;
        int count = inner.Read(_bytes, _end, _bytes.Length - _end);
        _ended = count == 0;
        _end += count;
        if (_ended)
            _done = _end; // the last bytes hold no whole instruction
        else
            Filter();
    }

    private void Filter()
    {
        int start = _done, i = _done;
        while (i < _end - OperandSize)
        {
            bool opcode = (_bytes[i] & 0xFE) == 0xE8;
            if (opcode && IsOperand(i))
            {
                Span<byte> operand = _bytes.AsSpan(i + 1, OperandSize);
                BinaryPrimitives.WriteUInt32LittleEndian(operand, MakeRelative(BinaryPrimitives.ReadUInt32LittleEndian(operand), _position + (uint)(i - start) + 5));
                _passed = 0;
                i += 1 + OperandSize;
                continue;
            }

            _passed = ((_passed << 1) | (opcode ? 1U : 0)) & 7;
            i++;
        }

        // A converted operand is whole; it never reaches past what was read.
        _done = i;
        _position += (uint)(i - start);
    }

    // How many bytes the oldest opcode that was left alone shares with this one's operand.
    private int Shared() => 32 - BitOperations.LeadingZeroCount(_passed);

    private bool IsOperand(int opcode)
    {
        if (_passed != 0 && (BitOperations.PopCount(_passed) > 1 || IsSign(_bytes[opcode + OperandSize - Shared()])))
            return false;
        return IsSign(_bytes[opcode + OperandSize]);
    }

    private uint MakeRelative(uint target, uint next)
    {
        uint relative = target - next;
        if (_passed != 0)
        {
            int bits = 8 * Shared();
            while (IsSign((byte)(relative >> (24 - bits))))
                relative = (relative ^ ((1U << (32 - bits)) - 1)) - next;
        }

        return (uint)((int)(relative << 7) >> 7);
    }
}
