using System.Buffers;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Tests.Lifecycle;
using EnclaveTesting.Tests.Parent;

namespace EnclaveTesting.Tests.Client;

public class ClientTests
{
    [Fact]
    public async Task Requests_take_turns_on_one_connection()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();
        await using EnclaveClient<string, string> client = enclave.Client<string, string>(5001, Codec.Lines);

        string[] replies = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => client.SendAsync($"echo number {i}")));

        replies.Should().Equal(Enumerable.Range(0, 20).Select(i => $"number {i}"));
        enclave.Machine.Vsock.ConnectionCount.Should().Be(1);
    }

    [Fact]
    public async Task A_reply_that_does_not_come_shows_what_was_said()
    {
        var time = new ManualTime();
        await using Enclave enclave = await Guest.StartHelloAsync(builder => builder.WithHostTime(time).WithCapture());
        await using EnclaveClient<string, string> client = enclave.Client<string, string>(5002, Codec.Lines);
        client.Timeout = TimeSpan.FromSeconds(2);

        Task<string> reply = client.SendAsync("into the sink");
        while (!PcapNg.ReadPackets(enclave.Capture!).Exists(packet => packet.AsSpan().IndexOf("into the sink\n"u8) == PcapNg.DataOffset))
            await Task.Delay(1);
        time.Advance(client.Timeout);

        (await reply.Awaiting(task => task).Should().ThrowAsync<EnclaveTimeoutException>()).Which
            .Message.Should().Contain("a reply on port 5002").And.Contain("sent: \"into the sink\\n\"").And.Contain("received: nothing").And.Contain("sink: listening");
    }

    [Fact]
    public async Task A_connection_that_the_enclave_closes_is_made_anew()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();
        await using EnclaveClient<string, string> client = enclave.Client<string, string>(5003, Codec.Lines);
        client.Retries = 1;

        // The first line end in the source's pattern is its 39th byte; then it closes.
        (await client.SendAsync("39")).Should().NotBeEmpty();
        (await client.SendAsync("39")).Should().NotBeEmpty();

        client.Retries = 0;
        (await client.Awaiting(it => it.SendAsync("5")).Should().ThrowAsync<IOException>()).Which.Message.Should().Contain("port 5003");
    }

    [Fact]
    public async Task Bytes_lines_and_the_rest_come_in_order()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();
        await using EnclaveConnection echo = await enclave.ConnectAsync(5000);

        await echo.SendAsync("abcfirst\r\nsecond\nthe rest");
        echo.CompleteSending();

        (await echo.ReceiveAsync(3)).Should().Equal("abc"u8.ToArray());
        (await echo.ReceiveLineAsync()).Should().Be("first");
        (await echo.ReceiveLineAsync()).Should().Be("second");
        (await echo.ReceiveToEndAsync()).Should().Equal("the rest"u8.ToArray());
        (await echo.Awaiting(it => it.ReceiveLineAsync()).Should().ThrowAsync<EndOfStreamException>()).Which.Message.Should().Contain("closed port 5000");
    }

    [Fact]
    public void Codecs_take_messages_apart_wherever_they_are_cut()
    {
        Codec cbor = Codec.Cbor<Message, Message>(
            (writer, message) =>
            {
                writer.WriteStartArray(2);
                writer.WriteTextString(message.Text);
                writer.WriteInt32(message.Number);
                writer.WriteEndArray();
            },
            reader =>
            {
                reader.ReadStartArray();
                return new Message(reader.ReadTextString(), reader.ReadInt32());
            });
        Codec protobuf = Codec.Protobuf<Message, Message>(
            message => [.. System.Text.Encoding.UTF8.GetBytes(message.Text), .. new byte[200], (byte)message.Number],
            bytes => new Message(System.Text.Encoding.UTF8.GetString(bytes, 0, bytes.Length - 201), bytes[^1]));
        foreach (Codec codec in (Codec[])[Codec.Json, Codec.LengthPrefixedJson, cbor, protobuf])
        {
            var output = new ArrayBufferWriter<byte>();
            codec.Encode(new Message("a", 1), output);
            codec.Encode(new Message("b\n", 2), output);
            byte[] bytes = output.WrittenSpan.ToArray();
            for (int cut = 0; cut <= bytes.Length; cut++)
            {
                var received = new ReadOnlySequence<byte>(bytes, 0, cut);
                var messages = new List<Message>();
                while (codec.TryDecode(ref received, out Message message))
                    messages.Add(message);
                received = new ReadOnlySequence<byte>(bytes, cut - (int)received.Length, bytes.Length - cut + (int)received.Length);
                while (codec.TryDecode(ref received, out Message message))
                    messages.Add(message);
                messages.Should().Equal(new Message("a", 1), new Message("b\n", 2));
                received.Length.Should().Be(0);
            }
        }
    }

    [Fact]
    public void A_length_without_measure_is_refused()
    {
        Codec protobuf = Codec.Protobuf<byte[], byte[]>(it => it, it => it);
        foreach (Codec codec in (Codec[])[Codec.LengthPrefixed, protobuf])
        {
            var received = new ReadOnlySequence<byte>([0xff, 0xff, 0xff, 0xff, 0x7f]);
            FluentActions.Invoking(() => codec.TryDecode(ref received, out byte[] _)).Should().Throw<InvalidDataException>().WithMessage("*67108864*");
        }
    }

    [Fact]
    public async Task Correlated_requests_are_under_way_together()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();
        await using EnclaveClient<string, string> client = enclave.Client<string, string>(5000, Codec.Lines);
        await using CorrelatedClient<string, string, string> correlated = await client.Correlate(request => request, reply => reply);

        string[] requests = [.. Enumerable.Range(0, 50).Select(i => $"request {i}")];
        string[] replies = await Task.WhenAll(requests.Select(request => correlated.SendAsync(request)));

        replies.Should().Equal(requests);
        correlated.UnmatchedReplies.Should().Be(0);
        await enclave.StopAsync();
        await FluentActions.Awaiting(() => correlated.SendAsync("too late")).Should().ThrowAsync<EnclaveExitedException>();
    }

    [Fact]
    public void What_is_no_json_is_shown()
    {
        var received = new ReadOnlySequence<byte>("garbage\n"u8.ToArray());

        FluentActions.Invoking(() => Codec.Json.TryDecode(ref received, out Message _)).Should().Throw<InvalidDataException>().WithMessage("*\"garbage\" is no Message*");
    }

    private sealed record Message(string Text, int Number);
}
