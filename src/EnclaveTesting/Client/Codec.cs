using System.Buffers;
using System.Formats.Cbor;
using System.Text.Json;

namespace EnclaveTesting;

/// <summary>How messages become bytes on a connection and back: a framing and a serialization.</summary>
public abstract class Codec
{
    /// <summary>Lines of text; messages are strings.</summary>
    public static Codec Lines { get; } = new FramedCodec(Framing.Line, Serialization.Text);

    /// <summary>JSON, one object per line.</summary>
    public static Codec Json { get; } = new FramedCodec(Framing.Line, Serialization.Json(JsonSerializerOptions.Web));

    /// <summary>Four bytes of length, big-endian, then so many bytes; messages are byte arrays.</summary>
    public static Codec LengthPrefixed { get; } = new FramedCodec(Framing.Length, Serialization.Bytes);

    /// <summary>Four bytes of length, big-endian, then JSON.</summary>
    public static Codec LengthPrefixedJson { get; } = new FramedCodec(Framing.Length, Serialization.Json(JsonSerializerOptions.Web));

    /// <summary>JSON, one object per line, with options of your own; a source-generated context comes in as their type resolver.</summary>
    public static Codec JsonWith(JsonSerializerOptions options, bool lengthPrefixed = false)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new FramedCodec(lengthPrefixed ? Framing.Length : Framing.Line, Serialization.Json(options));
    }

    /// <summary>Four bytes of length, big-endian, then whatever two functions make of a message: CBOR, protobuf.</summary>
    public static Codec LengthPrefixedWith<TRequest, TReply>(Func<TRequest, byte[]> encode, Func<byte[], TReply> decode)
    {
        ArgumentNullException.ThrowIfNull(encode);
        ArgumentNullException.ThrowIfNull(decode);
        return new FramedCodec(Framing.Length, Serialization.Custom(encode, decode));
    }

    /// <summary>Four bytes of length, big-endian, then CBOR as two functions of yours write and read it.</summary>
    public static Codec Cbor<TRequest, TReply>(Action<CborWriter, TRequest> write, Func<CborReader, TReply> read)
    {
        ArgumentNullException.ThrowIfNull(write);
        ArgumentNullException.ThrowIfNull(read);
        return LengthPrefixedWith<TRequest, TReply>(
            request =>
            {
                var writer = new CborWriter();
                write(writer, request);
                return writer.Encode();
            },
            reply =>
            {
                try
                {
                    return read(new CborReader(reply));
                }
                catch (Exception exception) when (exception is CborContentException or InvalidOperationException)
                {
                    throw new InvalidDataException($"{Transcript.Describe(reply, reply.Length)} is not the CBOR that was expected: {exception.Message}", exception);
                }
            });
    }

    /// <summary>
    /// Protocol buffers with their length in front as a varint (writeDelimitedTo): <c>Codec.Protobuf&lt;Ask, Answer&gt;(it => it.ToByteArray(), Answer.Parser.ParseFrom)</c>.
    /// </summary>
    public static Codec Protobuf<TRequest, TReply>(Func<TRequest, byte[]> encode, Func<byte[], TReply> decode)
    {
        ArgumentNullException.ThrowIfNull(encode);
        ArgumentNullException.ThrowIfNull(decode);
        return new FramedCodec(Framing.Varint, Serialization.Custom(encode, decode));
    }

    /// <summary>Writes a message.</summary>
    public abstract void Encode<T>(T message, IBufferWriter<byte> output);

    /// <summary>Takes a message off the front of what was received.</summary>
    /// <param name="received">The bytes so far; after success, those behind the message.</param>
    /// <param name="message">The message.</param>
    /// <returns>False if more bytes are needed.</returns>
    /// <exception cref="InvalidDataException">The bytes are no message.</exception>
    public abstract bool TryDecode<T>(ref ReadOnlySequence<byte> received, out T message);
}
