using System.Net;
using System.Net.Sockets;
using System.Text;
using EnclaveTesting.Tests.Lifecycle;

namespace EnclaveTesting.Tests.Parent;

/// <summary>Ports that lead to servers of the host, and what is allowed of that.</summary>
public sealed class ForwardTests : IDisposable
{
    private readonly TcpListener _server = new(IPAddress.Loopback, 0);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("enclave-forwards-");

    public ForwardTests() => _server.Start();

    private int ServerPort => ((IPEndPoint)_server.LocalEndpoint).Port;

    public void Dispose()
    {
        _server.Dispose();
        _folder.Delete(recursive: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_port_is_forwarded_to_tcp(bool byHandler)
    {
        Task<string> served = ServeAsync();
        await using Enclave enclave = await StartAsync(parent => _ = byHandler
            ? parent.AllowForwardTo("127.0.0.1").Port(8000).Handle((peer, token) => peer.ForwardToAsync("127.0.0.1", ServerPort, token))
            : parent.AllowForwardTo("127.0.0.1", ServerPort).Port(8000).ForwardTo("127.0.0.1", ServerPort));

        await enclave.CommandAsync("connect 8000");

        (await served).Should().Be("hello from enclave");
        await enclave.Console.WaitForLineAsync("from the server");
        await enclave.Parent.VerifyAllAsync();
    }

    [Fact]
    public async Task A_port_is_forwarded_to_a_unix_socket()
    {
        string path = Path.Combine(_folder.FullName, "server");
        using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        server.Bind(new UnixDomainSocketEndPoint(path));
        server.Listen();
        await using Enclave enclave = await StartAsync(parent => parent.AllowForwardToUnixSocket(path).Port(8000).ForwardToUnixSocket(path));

        await enclave.CommandAsync("connect 8000");

        using Socket connection = await server.AcceptAsync();
        await connection.SendAsync("from the socket\n"u8.ToArray());
        await enclave.Console.WaitForLineAsync("from the socket");
    }

    [Fact]
    public async Task A_forward_to_nobody_is_reported_and_reset()
    {
        // Bound, so that nobody else gets the port, and not listening.
        using var nobody = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        nobody.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        int port = ((IPEndPoint)nobody.LocalEndPoint!).Port;
        await using Enclave enclave = await StartAsync(parent => parent.Port(8000).Times(1).ForwardTo("127.0.0.1", port));

        await enclave.CommandAsync("connect 8000");

        // Without waiting for the connection's end: a forward that does not stand yet is waited for.
        await enclave.Parent.Awaiting(parent => parent.VerifyAllAsync()).Should().ThrowAsync<ParentExpectationException>().WithMessage($"*cannot forward port 8000 to 127.0.0.1:{port}*");
        (await enclave.EndedAsync(8000)).State.Should().Be(ParentConnectionState.Failed);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_forward_that_is_chosen_later_is_held_to_the_list(bool byHandler)
    {
        await using Enclave enclave = await StartAsync(parent =>
        {
            ParentPort port = parent.AllowForwardTo("kms.eu-central-1.amazonaws.com", 443).Port(8000).Times(1);
            _ = byHandler
                ? port.Handle((peer, token) => peer.ForwardToAsync("127.0.0.1", ServerPort, token))
                : port.ForwardTo(() => new DnsEndPoint("127.0.0.1", ServerPort));
        });

        await enclave.CommandAsync("connect 8000");

        (await enclave.EndedAsync(8000)).Failure!.Message.Should().Be($"The parent may not forward port 8000 to 127.0.0.1:{ServerPort}: the allow list has kms.eu-central-1.amazonaws.com:443.");
        await enclave.Parent.Awaiting(parent => parent.VerifyAllAsync()).Should().ThrowAsync<ParentExpectationException>().WithMessage("*may not forward*");
        _server.Pending().Should().BeFalse();
    }

    [Fact]
    public void Forwards_that_are_not_allowed_are_mistakes_of_the_builder()
    {
        string file = Write("""
            # what the parent's vsock-proxy may reach
            allowlist:
            - {address: kms.us-east-1.amazonaws.com, port: 443}
            - address: "2001:DB8::1"
              port: 8443
            """);
        EnclaveBuilder builder = Guest.Of("hello").WithParent(parent => parent.AllowForwardsOf(file)
            .Port(1).ForwardTo("KMS.us-east-1.amazonaws.com", 443)
            .Port(2).ForwardTo("2001:db8:0::1", 8443)
            .Port(3).ForwardTo("kms.us-east-1.amazonaws.com", 80)
            .Port(4).ForwardToUnixSocket("/run/app.sock"));

        builder.Invoking(it => it.Build()).Should().Throw<EnclaveConfigurationException>().Which.Problems.Should().Equal(
            "The parent's port 3 forwards to kms.us-east-1.amazonaws.com:80, which is not allowed: the allow list has kms.us-east-1.amazonaws.com:443, [2001:db8::1]:8443.",
            "The parent's port 4 forwards to /run/app.sock, which is not allowed: the allow list has kms.us-east-1.amazonaws.com:443, [2001:db8::1]:8443.");
    }

    [Theory]
    [InlineData("allowlist: []", "the allow list has nothing")]
    [InlineData("whitelist:\n- {address: a.example, port: 1}", "the allow list has a.example:1")]
    [InlineData("allowlist:\n- {address: a.example, port: 65536}", "line 2: an entry is {address: HOST, port: NUMBER}")]
    [InlineData("allowlist:\n- {address: a.example}", "line 2: an entry is {address: HOST, port: NUMBER}")]
    [InlineData("services: []", "there is no list named allowlist")]
    [InlineData("", "there is no list named allowlist")]
    [InlineData("allowlist: [\n", "line 2: ")]
    [InlineData(null, "Could not find file")]
    public void A_file_that_is_no_allow_list_is_a_mistake(string? text, string problem)
    {
        string file = text is null ? Path.Combine(_folder.FullName, "missing.yaml") : Write(text);

        FluentActions.Invoking(() => Guest.Of("hello").WithParent(parent => parent.AllowForwardsOf(file).Port(8000).ForwardTo("b.example", 1)).Build())
            .Should().Throw<EnclaveConfigurationException>().Which.Message.Should().Contain(problem);
    }

    private string Write(string text)
    {
        string file = Path.Combine(_folder.FullName, "vsock-proxy.yaml");
        File.WriteAllText(file, text);
        return file;
    }

    private static Task<Enclave> StartAsync(Action<ParentBuilder> parent) => Guest.StartHelloAsync(builder => builder.WithParent(parent));

    private async Task<string> ServeAsync()
    {
        using TcpClient client = await _server.AcceptTcpClientAsync();
        NetworkStream stream = client.GetStream();
        byte[] hello = new byte[18];
        await stream.ReadExactlyAsync(hello);
        await stream.WriteAsync("from the server\n"u8.ToArray());
        return Encoding.ASCII.GetString(hello);
    }
}
