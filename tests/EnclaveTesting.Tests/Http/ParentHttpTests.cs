using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;

namespace EnclaveTesting.Tests.Http;

/// <summary>The parent's HTTP answers to .NET's own client, over a loopback socket.</summary>
public sealed class ParentHttpTests : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly HttpClient _client;

    public ParentHttpTests()
    {
        _listener.Start();
        _client = new HttpClient { BaseAddress = new Uri($"http://{_listener.LocalEndpoint}/") };
    }

    public void Dispose()
    {
        _stop.Cancel();
        _stop.Dispose();
        _client.Dispose();
        _listener.Dispose();
    }

    [Fact]
    public async Task A_stub_answers_what_fits_and_remembers_everything()
    {
        ParentHttpStub stub = new ParentHttpStub()
            .On("GET", "/secrets/*", request => ParentHttpResponse.OfText("secret " + request.Path[9..]))
            .On("POST", "/once", ParentHttpResponse.OfJson(new { ok = true }), times: 1);
        Serve((request, _) => stub.HandleAsync(request));

        (await _client.GetStringAsync("secrets/a?version=2")).Should().Be("secret a");
        (await (await _client.PostAsJsonAsync("once", new { n = 1 })).Content.ReadAsStringAsync()).Should().Be("{\"ok\":true}");
        (await _client.PostAsync("once", null)).StatusCode.Should().Be(HttpStatusCode.NotFound);

        stub.Requests.Select(request => request.Target).Should().Equal("/secrets/a?version=2", "/once", "/once");
        stub.Requests[1].Text.Should().Be("{\"n\":1}");
        stub.Unmatched.Should().ContainSingle();
    }

    [Fact]
    public async Task Chunked_bodies_arrive_whole()
    {
        byte[] body = new byte[100_000];
        Random.Shared.NextBytes(body);
        Serve((request, _) => Task.FromResult(new ParentHttpResponse(200, request.Body)));
        using var content = new StreamContent(new MemoryStream(body));
        using var request = new HttpRequestMessage(HttpMethod.Put, "echo") { Content = content };
        request.Headers.TransferEncodingChunked = true;

        using HttpResponseMessage response = await _client.SendAsync(request);

        (await response.Content.ReadAsByteArrayAsync()).Should().Equal(body);
    }

    [Theory]
    [InlineData("hello from enclave\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nno colon\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n")]
    [InlineData("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")]
    public async Task What_is_no_request_gets_status_400(string request)
    {
        Serve((_, _) => throw new InvalidOperationException("never called"));
        using var socket = new TcpClient();
        await socket.ConnectAsync((IPEndPoint)_listener.LocalEndpoint);
        await socket.GetStream().WriteAsync(System.Text.Encoding.ASCII.GetBytes(request));

        using var reader = new StreamReader(socket.GetStream());
        (await reader.ReadLineAsync()).Should().StartWith("HTTP/1.1 400");
    }

    private void Serve(Func<ParentHttpRequest, CancellationToken, Task<ParentHttpResponse>> handler) => _ = AcceptAsync(handler);

    private async Task AcceptAsync(Func<ParentHttpRequest, CancellationToken, Task<ParentHttpResponse>> handler)
    {
        while (!_stop.IsCancellationRequested)
        {
            TcpClient client = await _listener.AcceptTcpClientAsync(_stop.Token);
            _ = Task.Run(async () =>
            {
                using (client)
                {
                    await ParentHttpServer.ServeAsync(client.GetStream(), handler, _stop.Token);
                    await LoopbackConnection.EndAsync(client.GetStream());
                }
            });
        }
    }
}
