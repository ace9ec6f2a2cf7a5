using System.Buffers;
using System.Buffers.Binary;

namespace EnclaveTesting;

/// <summary>How messages are told apart on a stream.</summary>
internal abstract class Framing
{
    /// <summary>A message longer than this is a mistake of the other side.</summary>
    public const int LongestMessage = 64 * 1024 * 1024;

    /// <summary>Each message ends with a line feed.</summary>
    public static Framing Line { get; } = new LineFraming();

    /// <summary>Each message begins with its length in four bytes, big-endian.</summary>
    public static Framing Length { get; } = new LengthFraming();

    /// <summary>Each message begins with its length as a varint, seven bits at a time, the lowest first.</summary>
    public static Framing Varint { get; } = new VarintFraming();

    public abstract void Write(ReadOnlySpan<byte> message, IBufferWriter<byte> output);

    public abstract bool TryRead(ref ReadOnlySequence<byte> received, out byte[] message);

    private sealed class LineFraming : Framing
    {
        public override void Write(ReadOnlySpan<byte> message, IBufferWriter<byte> output)
        {
            if (message.Contains((byte)'\n'))
                throw new InvalidDataException("A message with a line feed does not fit on a line.");
            output.Write(message);
            output.Write("\n"u8);
        }

        public override bool TryRead(ref ReadOnlySequence<byte> received, out byte[] message)
        {
            message = [];
            if (received.PositionOf((byte)'\n') is not { } end)
            {
                return received.Length <= LongestMessage ? false : throw new InvalidDataException($"A line has more than {LongestMessage} bytes.");
            }

            message = received.Slice(0, end).ToArray();
            if (message is [.., (byte)'\r'])
                message = message[..^1];
            received = received.Slice(received.GetPosition(1, end));
            return true;
        }
    }

    private sealed class LengthFraming : Framing
    {
        public override void Write(ReadOnlySpan<byte> message, IBufferWriter<byte> output)
        {
            BinaryPrimitives.WriteInt32BigEndian(output.GetSpan(sizeof(int)), message.Length);
            output.Advance(sizeof(int));
            output.Write(message);
        }

        public override bool TryRead(ref ReadOnlySequence<byte> received, out byte[] message)
        {
            message = [];
            if (received.Length < sizeof(int))
                return false;
            Span<byte> prefix = stackalloc byte[sizeof(int)];
            received.Slice(0, sizeof(int)).CopyTo(prefix);
            uint length = BinaryPrimitives.ReadUInt32BigEndian(prefix);
            if (length > LongestMessage)
                throw new InvalidDataException($"A message announces {length} bytes; at most {LongestMessage} are taken.");
            if (received.Length - sizeof(int) < length)
                return false;
            message = received.Slice(sizeof(int), length).ToArray();
            received = received.Slice(sizeof(int) + length);
            return true;
        }
    }

    private sealed class VarintFraming : Framing
    {
        private const int LongestPrefix = 5;

        public override void Write(ReadOnlySpan<byte> message, IBufferWriter<byte> output)
        {
            Span<byte> prefix = output.GetSpan(LongestPrefix);
            int count = 0;
            uint rest = (uint)message.Length;
            for (; rest > 0x7F; rest >>= 7)
                prefix[count++] = (byte)(rest | 0x80);
            prefix[count++] = (byte)rest;
            output.Advance(count);
            output.Write(message);
        }

        public override bool TryRead(ref ReadOnlySequence<byte> received, out byte[] message)
        {
            message = [];
            Span<byte> prefix = stackalloc byte[(int)Math.Min(LongestPrefix, received.Length)];
            received.Slice(0, prefix.Length).CopyTo(prefix);
            ulong length = 0;
            for (int i = 0; i < prefix.Length; i++)
            {
                length |= (ulong)(prefix[i] & 0x7F) << (7 * i);
                if ((prefix[i] & 0x80) != 0)
                    continue;
                if (length > LongestMessage)
                    break;
                if ((ulong)received.Length - (ulong)(i + 1) < length)
                    return false;
                message = received.Slice(i + 1, (long)length).ToArray();
                received = received.Slice(i + 1 + (long)length);
                return true;
            }

            return prefix.Length < LongestPrefix && length <= LongestMessage ? false : throw new InvalidDataException($"A message announces more than {LongestMessage} bytes.");
        }
    }
}
