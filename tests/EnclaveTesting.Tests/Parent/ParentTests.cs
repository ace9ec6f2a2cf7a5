using System.Net;
using System.Net.Sockets;
using System.Text;
using EnclaveTesting.Tests.Lifecycle;

namespace EnclaveTesting.Tests.Parent;

/// <summary>Scripts of the parent, with the guest <c>hello</c> as the one that connects.</summary>
public class ParentTests
{
    [Fact]
    public async Task A_script_expects_and_replies()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).ExpectLine("hello from enclave").Reply("welcome\n"));

        (await enclave.CommandAsync("connect 7000")).Should().Be("ok");

        await enclave.Console.WaitForLineAsync("welcome");
        ParentConnection connection = await enclave.Parent.WaitForConnectionAsync(7000);
        connection.Received.Should().Equal("hello from enclave\n"u8.ToArray());
        connection.Sent.Should().Equal("welcome\n"u8.ToArray());
        await enclave.Parent.VerifyAllAsync();
    }

    [Fact]
    public async Task What_was_not_expected_is_reported()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).Expect("goodbye").Port(7001).ExpectLine("never"));

        await enclave.CommandAsync("connect 7000");

        ParentExpectationException exception = (await enclave.Parent.Awaiting(parent => parent.VerifyAllAsync(TimeSpan.FromMilliseconds(300))).Should().ThrowAsync<ParentExpectationException>()).Which;
        exception.Message.Should().Contain("port 7000, connection 1: Failed").And.Contain("Expected \"goodbye\", received \"h")
            .And.Contain("port 7001: 0 of 1 connections came; awaited: expect the line \"never\"");
        await enclave.Parent.Awaiting(parent => parent.WaitForConnectionAsync(7000)).Should().ThrowAsync<ParentExpectationException>();
    }

    [Fact]
    public async Task A_handler_does_what_it_likes()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).Handle(async (peer, token) =>
        {
            byte[] hello = await peer.ReadExactlyAsync(18, token);
            await peer.WriteLineAsync(Encoding.ASCII.GetString(hello).ToUpperInvariant(), token);
        }));

        await enclave.CommandAsync("connect 7000");

        await enclave.Console.WaitForLineAsync("HELLO FROM ENCLAVE");
    }

    [Fact]
    public async Task What_a_handler_throws_is_reported()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).Handle((_, _) => throw new InvalidOperationException("my own mistake")));

        await enclave.CommandAsync("connect 7000");

        (await EndedAsync(enclave, 7000)).State.Should().Be(ParentConnectionState.Failed);
        await enclave.Parent.Awaiting(parent => parent.VerifyAllAsync()).Should().ThrowAsync<ParentExpectationException>().WithMessage("*my own mistake*");
    }

    [Fact]
    public async Task A_port_without_a_script_is_closed_and_a_refusing_one_remembers()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7001).Refuse());

        (await enclave.CommandAsync("connect 7000")).Should().Be("refused");
        (await enclave.CommandAsync("connect 7001")).Should().Be("refused");

        enclave.Parent.ConnectionsTo(7000).Should().BeEmpty();
        enclave.Parent.ConnectionsTo(7001).Should().ContainSingle();
        (await EndedAsync(enclave, 7001)).State.Should().Be(ParentConnectionState.Refused);
    }

    [Fact]
    public async Task Connections_are_counted()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).Expect("hello from enclave").Times(2));
        await enclave.CommandAsync("connect 7000");

        (await enclave.Parent.Awaiting(parent => parent.VerifyAllAsync(TimeSpan.FromMilliseconds(200))).Should().ThrowAsync<ParentExpectationException>()).Which
            .Message.Should().Contain("1 of 2 connections");

        await enclave.CommandAsync("connect 7000");
        await enclave.Parent.VerifyAllAsync();
    }

    [Theory]
    [InlineData(true, "velcome")] // the lowest bit of 'w' flipped
    [InlineData(false, "welc")]
    public async Task Bytes_are_corrupted_and_cut_on_purpose(bool corrupt, string received)
    {
        await using Enclave enclave = await StartAsync(parent =>
        {
            ParentPort port = parent.Port(7000).Expect("hello from enclave");
            (corrupt ? port.CorruptByte(0) : port.CloseAfter(4)).Reply("welcome\n");
        });

        (await enclave.CommandAsync("connect 7000")).Should().Be("ok");

        await enclave.Console.WaitForLineAsync(line => line.TrimEnd() == received);
    }

    [Fact]
    public async Task A_reset_loses_the_connection()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).Expect("hello").Reset());

        await enclave.CommandAsync("connect 7000");

        (await enclave.CommandAsync("ping")).Should().Be("pong", "the enclave survives it");
    }

    [Fact]
    public async Task Without_credit_the_enclave_stalls_until_it_is_read()
    {
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).LimitCredit(4096)
            .Handle(async (peer, token) =>
            {
                await goOn.Task.WaitAsync(token);
                await peer.ReadToEndAsync(token);
            }));

        Task<string> flood = enclave.CommandAsync("flood 7000 100000");
        ParentConnection connection = await enclave.Parent.WaitForConnectionAsync(7000);
        flood.IsCompleted.Should().BeFalse("95,904 bytes have no room");
        goOn.SetResult();

        (await flood).Should().Be("ok");
        await connection.Ended;
        connection.ReceivedCount.Should().Be(100_000);
    }

    [Fact]
    public async Task A_port_is_forwarded_to_tcp()
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        int port = ((IPEndPoint)server.LocalEndpoint).Port;
        Task<string> served = ServeAsync(server);
        await using Enclave enclave = await StartAsync(parent => parent.Port(8000).ForwardTo("127.0.0.1", port));

        await enclave.CommandAsync("connect 8000");

        (await served).Should().Be("hello from enclave");
        await enclave.Console.WaitForLineAsync("from the server");
    }

    [Fact]
    public async Task A_forward_to_nobody_is_reported_and_reset()
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        int port = ((IPEndPoint)server.LocalEndpoint).Port;
        server.Stop();
        await using Enclave enclave = await StartAsync(parent => parent.Port(8000).ForwardTo("127.0.0.1", port));

        await enclave.CommandAsync("connect 8000");

        (await EndedAsync(enclave, 8000)).State.Should().Be(ParentConnectionState.Failed);
        await enclave.Parent.Awaiting(parent => parent.VerifyAllAsync()).Should().ThrowAsync<ParentExpectationException>().WithMessage($"*cannot forward port 8000 to 127.0.0.1:{port}*");
    }

    private static async Task<ParentConnection> EndedAsync(Enclave enclave, uint port)
    {
        await enclave.Parent.WaitForConnectionAsync(port).ContinueWith(_ => { }, TaskScheduler.Default);
        ParentConnection connection = enclave.Parent.ConnectionsTo(port)[0];
        await connection.Ended;
        return connection;
    }

    private static async Task<string> ServeAsync(TcpListener server)
    {
        using TcpClient client = await server.AcceptTcpClientAsync();
        NetworkStream stream = client.GetStream();
        byte[] hello = new byte[18];
        await stream.ReadExactlyAsync(hello);
        await stream.WriteAsync("from the server\n"u8.ToArray());
        return Encoding.ASCII.GetString(hello);
    }

    private static Task<Enclave> StartAsync(Action<ParentBuilder> parent) => Guest.StartHelloAsync(builder => builder.WithParent(parent));
}
