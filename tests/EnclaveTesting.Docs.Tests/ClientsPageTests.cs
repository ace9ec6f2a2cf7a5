using System.Text.Json;
using System.Text.Json.Serialization;
using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Docs.Tests;

/// <summary>The code of docs/clients.md. Port 5000 of this enclave sends back what it gets, port 5001 answers lines, port 5003 sends bytes.</summary>
public partial class ClientsPageTests(App enclave) : IClassFixture<App>
{
    #region lines
    [Fact]
    public async Task Bytes_and_lines()
    {
        await using EnclaveConnection connection = await enclave.ConnectAsync(port: 5001);

        (await connection.AskAsync("ping")).Should().Be("pong");

        await connection.SendAsync("echo one\necho two\n");
        (await connection.ReceiveLineAsync()).Should().Be("one");
        (await connection.ReceiveAsync(4)).Should().Equal("two\n"u8.ToArray());
    }
    #endregion

    #region json
    public sealed record Order(int Id, string Item);

    [Fact]
    public async Task Requests_and_replies()
    {
        await using EnclaveClient<Order, Order> client = enclave.Client<Order, Order>(port: 5000, Codec.Json);

        (await client.SendAsync(new Order(1, "tea"))).Should().Be(new Order(1, "tea"));
        (await client.SendAsync(new Order(2, "milk"))).Item.Should().Be("milk");       // on the same connection
    }
    #endregion

    #region source_generated
    [JsonSerializable(typeof(Order))]
    [JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
    public partial class OrderContext : JsonSerializerContext;

    private static readonly Codec Orders = Codec.JsonWith(OrderContext.Default.Options, lengthPrefixed: true);

    [Fact]
    public async Task A_source_generated_context() =>
        (await enclave.Client<Order, Order>(port: 5000, Orders).SendAsync(new Order(3, "sugar"))).Id.Should().Be(3);
    #endregion

    #region cbor
    private static readonly Codec CborOrders = Codec.Cbor<Order, Order>(
        (writer, order) =>
        {
            writer.WriteStartArray(2);
            writer.WriteInt32(order.Id);
            writer.WriteTextString(order.Item);
            writer.WriteEndArray();
        },
        reader =>
        {
            reader.ReadStartArray();
            return new Order(reader.ReadInt32(), reader.ReadTextString());
        });

    [Fact]
    public async Task A_codec_of_your_own() =>
        (await enclave.Client<Order, Order>(port: 5000, CborOrders).SendAsync(new Order(4, "bread"))).Item.Should().Be("bread");
    #endregion

    #region correlate
    [Fact]
    public async Task Many_requests_under_way()
    {
        await using var client = enclave.Client<Order, Order>(port: 5000, Codec.Json);
        await using var orders = await client.Correlate(request => request.Id, reply => reply.Id);

        Order[] replies = await Task.WhenAll(Enumerable.Range(1, 20).Select(id => orders.SendAsync(new Order(id, $"item {id}"))));

        replies.Select(reply => reply.Id).Should().Equal(Enumerable.Range(1, 20));
    }
    #endregion

    #region stream
    [Fact]
    public async Task A_plain_stream()
    {
        await using VsockStream stream = await enclave.ConnectStreamAsync(port: 5003);

        await stream.WriteAsync("4\n"u8.ToArray());                   // port 5003 of this enclave sends so many bytes
        byte[] bytes = new byte[4];
        await stream.ReadExactlyAsync(bytes);

        bytes.Should().Equal(0, 7, 14, 21);
    }
    #endregion

    #region timeout
    [Fact]
    public async Task A_reply_that_does_not_come()
    {
        await using EnclaveConnection connection = await enclave.ConnectAsync(port: 5000);
        connection.Timeout = TimeSpan.FromSeconds(1);
        await connection.SendAsync("no line end");

        var exception = await Assert.ThrowsAsync<EnclaveTimeoutException>(() => connection.ReceiveLineAsync());

        exception.Message.Should().Contain("a line on port 5000").And.Contain("no line end");
    }
    #endregion
}
