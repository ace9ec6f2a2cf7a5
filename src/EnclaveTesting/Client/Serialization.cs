using System.Text;
using System.Text.Json;

namespace EnclaveTesting;

/// <summary>How one message becomes bytes.</summary>
internal abstract class Serialization
{
    public static Serialization Text { get; } = new TextSerialization();

    public static Serialization Bytes { get; } = new BytesSerialization();

    public static Serialization Json(JsonSerializerOptions options) => new JsonSerialization(options);

    public static Serialization Custom<TRequest, TReply>(Func<TRequest, byte[]> encode, Func<byte[], TReply> decode) => new CustomSerialization<TRequest, TReply>(encode, decode);

    public abstract byte[] Serialize<T>(T message);

    public abstract T Deserialize<T>(byte[] bytes);

    private static TTo Convert<TFrom, TTo>(TFrom value, string what) => value is TTo converted
        ? converted
        : throw new InvalidOperationException($"This codec's {what} are {typeof(TTo).Name}s, not {typeof(TFrom).Name}s.");

    private sealed class TextSerialization : Serialization
    {
        public override byte[] Serialize<T>(T message) => Encoding.UTF8.GetBytes(Convert<T, string>(message, "messages"));

        public override T Deserialize<T>(byte[] bytes) => Convert<string, T>(Encoding.UTF8.GetString(bytes), "messages");
    }

    private sealed class BytesSerialization : Serialization
    {
        public override byte[] Serialize<T>(T message) => Convert<T, byte[]>(message, "messages");

        public override T Deserialize<T>(byte[] bytes) => Convert<byte[], T>(bytes, "messages");
    }

    private sealed class JsonSerialization(JsonSerializerOptions options) : Serialization
    {
        public override byte[] Serialize<T>(T message) => JsonSerializer.SerializeToUtf8Bytes(message, options);

        public override T Deserialize<T>(byte[] bytes)
        {
            try
            {
                return JsonSerializer.Deserialize<T>(bytes, options) ?? throw new InvalidDataException("The message is null.");
            }
            catch (JsonException exception)
            {
                throw new InvalidDataException($"{Transcript.Describe(bytes, bytes.Length)} is no {typeof(T).Name}: {exception.Message}", exception);
            }
        }
    }

    private sealed class CustomSerialization<TRequest, TReply>(Func<TRequest, byte[]> encode, Func<byte[], TReply> decode) : Serialization
    {
        public override byte[] Serialize<T>(T message) => encode(Convert<T, TRequest>(message, "requests"));

        public override T Deserialize<T>(byte[] bytes) => Convert<TReply, T>(decode(bytes), "replies");
    }
}
