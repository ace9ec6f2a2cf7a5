using System.Formats.Cbor;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using EnclaveTesting.Tests.Lifecycle;
using EnclaveTesting.Tests.Nsm;

namespace EnclaveTesting.Tests.Client;

/// <summary>Every codec with an enclave at the other end.</summary>
public partial class CodecTests
{
    private const uint EchoPort = 5000;

    [Fact]
    public async Task Messages_come_back_as_they_went()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();
        byte[] bytes = [.. Enumerable.Range(0, 70_000).Select(i => (byte)(i * 7))];
        var message = new Message("two\nlines", 42);

        await EchoesAsync(enclave, Codec.Lines, "a line");
        await EchoesAsync(enclave, Codec.LengthPrefixed, bytes, []);
        await EchoesAsync(enclave, Codec.Json, message);
        await EchoesAsync(enclave, Codec.LengthPrefixedJson, message);
        await EchoesAsync(enclave, Codec.JsonWith(MessageContext.Default.Options), message);
        await EchoesAsync(enclave, Codec.JsonWith(MessageContext.Default.Options, lengthPrefixed: true), message);
        await EchoesAsync(enclave, Codec.LengthPrefixedWith<Message, Message>(
            it => Encoding.UTF8.GetBytes($"{it.Number};{it.Text}"),
            it => Encoding.UTF8.GetString(it).Split(';') is [var number, var text] ? new Message(text, int.Parse(number, null)) : throw new InvalidDataException()), message);
        await EchoesAsync(enclave, Codec.Protobuf<byte[], byte[]>(it => it, it => it), bytes, []);
        await EchoesAsync(enclave, Codec.Cbor<Message, Message>(
            (writer, it) =>
            {
                writer.WriteStartArray(2);
                writer.WriteTextString(it.Text);
                writer.WriteInt32(it.Number);
                writer.WriteEndArray();
            },
            reader =>
            {
                reader.ReadStartArray();
                return new Message(reader.ReadTextString(), reader.ReadInt32());
            }), message);
    }

    [Fact]
    public async Task Cbor_is_understood_by_an_application()
    {
        await using Enclave enclave = NsmGuests.Builder(NsmGuestKind.BareMetalOnSoftware).Build();
        await enclave.StartAsync();
        Codec codec = Codec.Cbor<string, byte[]>(
            (writer, request) => writer.WriteTextString(request),
            reader =>
            {
                reader.ReadStartMap();
                reader.ReadTextString();
                reader.ReadStartMap();
                reader.ReadTextString();
                return reader.ReadByteString();
            });

        await using EnclaveClient<string, byte[]> client = enclave.Client<string, byte[]>(port: 5003, codec);

        (await client.SendAsync("GetRandom")).Should().NotBeEmpty();
        (await client.Awaiting(it => it.SendAsync("DescribeNSM")).Should().ThrowAsync<InvalidDataException>()).WithMessage("*is not the CBOR that was expected*");
    }

    private static async Task EchoesAsync<T>(Enclave enclave, Codec codec, params T[] messages)
    {
        await using EnclaveClient<T, T> client = enclave.Client<T, T>(EchoPort, codec);
        foreach (T message in messages)
            (await client.SendAsync(message)).Should().BeEquivalentTo(message);
    }

    public sealed record Message(string Text, int Number);

    [JsonSerializable(typeof(Message))]
    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
    private sealed partial class MessageContext : JsonSerializerContext;
}
