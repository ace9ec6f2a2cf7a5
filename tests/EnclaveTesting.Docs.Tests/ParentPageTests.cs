using System.Net;
using System.Net.Sockets;

namespace EnclaveTesting.Docs.Tests;

/// <summary>The code of docs/parent.md.</summary>
public class ParentPageTests
{
    #region script
    [Fact]
    public async Task The_enclave_greets_its_parent()
    {
        await using Enclave enclave = new EnclaveBuilder()
            .WithImage("hello.eif")
            .WithParent(parent => parent
                .Port(9001).Expect("ready\n")
                .Port(7000).ExpectLine("hello from enclave").ReplyLine("hello from the parent"))
            .WaitFor(Wait.ForParentPort(9001))
            .Build();
        await enclave.StartAsync();

        await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("connect 7000");   // tells this enclave to connect

        await enclave.Parent.VerifyAllAsync();
        await enclave.Console.WaitForLineAsync("hello from the parent");
    }
    #endregion

    #region handler
    [Fact]
    public async Task A_handler_says_what_it_likes()
    {
        await using Enclave enclave = Hello(parent => parent
            .Port(7000).Handle(async (peer, stop) =>
            {
                string? line = await peer.ReadLineAsync(stop);
                await peer.WriteLineAsync($"the parent heard: {line}", stop);
            }));
        await enclave.StartAsync();

        await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("connect 7000");

        await enclave.Console.WaitForLineAsync("the parent heard: hello from enclave");
    }
    #endregion

    #region seen
    [Fact]
    public async Task What_was_said_is_recorded()
    {
        await using Enclave enclave = Hello(parent => parent.Port(7000).ExpectLine("hello from enclave").ReplyLine("welcome"));
        await enclave.StartAsync();

        await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("connect 7000");
        ParentConnection connection = await enclave.Parent.WaitForConnectionAsync(port: 7000);

        connection.Received.Should().Equal("hello from enclave\n"u8.ToArray());
        await connection.Ended;
        connection.Sent.Should().Equal("welcome\n"u8.ToArray());
    }
    #endregion

    #region http
    [Fact]
    public async Task The_parent_is_a_web_server()
    {
        ParentHttpStub config = new ParentHttpStub()
            .On("GET", "/config", ParentHttpResponse.OfJson(new { Region = "eu-central-1" }))
            .On("GET", "/secrets/*", request => ParentHttpResponse.OfText($"the secret of {request.Path}"), times: 1);
        await using Enclave enclave = Hello(parent => parent.Port(8080).Http(config));
        await enclave.StartAsync();

        await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("get 8080 /config");     // tells this enclave to ask

        await enclave.Console.WaitForLineAsync("""{"region":"eu-central-1"}""");
        config.Requests.Should().ContainSingle(request => request.Method == "GET" && request.Target == "/config");
        config.Unmatched.Should().BeEmpty();
    }
    #endregion

    #region forward
    [Fact]
    public async Task A_port_leads_to_a_server_of_the_host()
    {
        using var server = new TcpListener(IPAddress.Loopback, port: 0);
        server.Start();
        int port = ((IPEndPoint)server.LocalEndpoint).Port;
        await using Enclave enclave = Hello(parent => parent.Port(8000).ForwardTo("127.0.0.1", port));
        await enclave.StartAsync();

        Task<string> told = enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("connect 8000");
        using (TcpClient connection = await server.AcceptTcpClientAsync())
            await connection.GetStream().WriteAsync("from the server\n"u8.ToArray());

        await enclave.Console.WaitForLineAsync("from the server");
        (await told).Should().Be("ok");
    }
    #endregion

    #region allow
    [Fact]
    public async Task Forwards_are_held_to_an_allow_list()
    {
        using var server = new TcpListener(IPAddress.Loopback, port: 0);
        server.Start();
        int port = ((IPEndPoint)server.LocalEndpoint).Port;
        await using Enclave enclave = Hello(parent => parent
            .AllowForwardsOf("vsock-proxy.yaml")                                     // the real parent's file
            .AllowForwardTo("127.0.0.1", port)
            .Port(8000).ForwardTo("kms.eu-central-1.amazonaws.com", 443)             // is in the file, so this builds
            .Port(8001).Handle(async (peer, stop) =>
            {
                string? host = await peer.ReadLineAsync(stop);                       // the enclave says where it wants to go
                await peer.ForwardToAsync(host!, port, stop);
            }));
        await enclave.StartAsync();

        await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("send 8001 127.0.0.1");
        using (TcpClient connection = await server.AcceptTcpClientAsync())
            await connection.GetStream().WriteAsync("from the server\n"u8.ToArray());

        await enclave.Console.WaitForLineAsync("from the server");
    }
    #endregion

    #region faults
    [Fact]
    public async Task The_parent_breaks_off_in_the_middle()
    {
        await using Enclave enclave = Hello(parent => parent.Port(7000).CloseAfter(bytes: 5).ReplyLine("hello from the parent"));
        await enclave.StartAsync();

        await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("connect 7000");

        ParentConnection connection = await enclave.Parent.WaitForConnectionAsync(port: 7000);
        await connection.Ended;
        connection.Sent.Should().Equal("hello"u8.ToArray());
    }
    #endregion

    #region heartbeat
    [Fact]
    public async Task A_wrong_answer_to_the_heartbeat_is_the_end()
    {
        await using Enclave enclave = new EnclaveBuilder()
            .WithImage("hello.eif")
            .WithParent(parent => parent.Heartbeat(Heartbeat.Wrong(0x42)))
            .WaitFor(Wait.ForConsole("Attempted to kill init!"))
            .Build();

        await enclave.StartAsync();

        enclave.Console.Lines.Should().Contain(line => line.Text == "heartbeat: sent 0xb7, received 0x42");
    }
    #endregion

    #region replay
    [Fact]
    public async Task A_recording_is_played_again()
    {
        await using Enclave first = Hello(parent => parent.Port(7000).ExpectLine("hello from enclave").ReplyLine("welcome"));
        await first.StartAsync();
        await first.Client<string, string>(port: 5001, Codec.Lines).SendAsync("connect 7000");
        ParentConnection connection = await first.Parent.WaitForConnectionAsync(port: 7000);
        await connection.Ended;
        ParentRecording recording = connection.Record();             // Save and Load keep it in a file

        await using Enclave second = Hello(parent => parent.Port(7000).Replay(recording));
        await second.StartAsync();
        await second.Client<string, string>(port: 5001, Codec.Lines).SendAsync("connect 7000");

        await second.Console.WaitForLineAsync("welcome");
        await second.Parent.VerifyAllAsync();
    }
    #endregion

    #region capture
    [Fact]
    public async Task Traffic_is_kept_for_wireshark()
    {
        await using Enclave enclave = new EnclaveBuilder().WithImage("hello.eif").WithCapture().Build();
        await enclave.StartAsync();

        string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".pcapng");
        enclave.Capture!.Save(file);

        new FileInfo(file).Length.Should().BePositive();
        File.Delete(file);
    }
    #endregion

    private static Enclave Hello(Action<ParentBuilder> parent) => new EnclaveBuilder().WithImage("hello.eif").WithParent(parent).WaitFor(Wait.ForPort(5001)).Build();
}
