using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using EnclaveTesting.Kms;
using EnclaveTesting.Tests.Http;

namespace EnclaveTesting.Tests.Kms;

/// <summary>An HTTP client whose connections are served by a fake service, over a loopback socket each.</summary>
internal sealed class KmsClient : IAsyncDisposable
{
    private readonly FakeKms _kms;
    private readonly HttpClient _client;
    private readonly List<Task> _served = [];

    public KmsClient(FakeKms kms, Uri? address = null, Func<byte[], bool>? trusts = null)
    {
        _kms = kms;
        var handler = new SocketsHttpHandler { ConnectCallback = async (_, cancellationToken) => await ConnectAsync(cancellationToken) };
        if (trusts is not null)
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => trusts(certificate!.GetRawCertData());
        _client = new HttpClient(handler) { BaseAddress = address ?? new Uri("http://kms.us-east-1.amazonaws.com/") };
    }

    public int Connections => _served.Count;

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await Task.WhenAll(_served).WaitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>A connection that the service serves.</summary>
    public async Task<Stream> ConnectAsync(CancellationToken cancellationToken = default)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await client.ConnectAsync(listener.LocalEndpoint, cancellationToken);
        var server = await listener.AcceptSocketAsync(cancellationToken);
        _served.Add(ServeAsync(server));
        return new NetworkStream(client, ownsSocket: true);
    }

    public async Task<JsonObject> SendAsync(string operation, JsonObject parameters, bool chunked = false)
    {
        var (status, reply) = await SendRawAsync(operation, JsonSerializer.SerializeToUtf8Bytes(parameters), chunked);
        status.Should().Be(HttpStatusCode.OK, "the service said {0}", reply.ToJsonString());
        return reply;
    }

    /// <summary>Sends a request that must be refused.</summary>
    /// <returns>The error's type and message.</returns>
    public async Task<(string Type, string Message)> FailAsync(string operation, JsonObject parameters)
    {
        var (status, reply) = await SendRawAsync(operation, JsonSerializer.SerializeToUtf8Bytes(parameters));
        status.Should().Be(HttpStatusCode.BadRequest, "the service said {0}", reply.ToJsonString());
        return ((string)reply["__type"]!, (string)reply["message"]!);
    }

    public async Task<(HttpStatusCode Status, JsonObject Reply)> SendRawAsync(string operation, byte[] body, bool chunked = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = new ByteArrayContent(body) };
        request.Headers.Add("X-Amz-Target", $"TrentService.{operation}");
        request.Headers.TransferEncodingChunked = chunked ? true : null;
        request.Headers.ExpectContinue = chunked;
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/x-amz-json-1.1");
        using var response = await _client.SendAsync(request);
        response.Headers.Contains("x-amzn-RequestId").Should().BeTrue();
        return (response.StatusCode, (JsonObject)JsonNode.Parse(await response.Content.ReadAsByteArrayAsync())!);
    }

    private async Task ServeAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket, ownsSocket: true);
        await _kms.HandleAsync(stream);
        await LoopbackConnection.EndAsync(stream);
    }
}
