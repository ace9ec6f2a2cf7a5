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
        await enclave.EndedAsync(7000);

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

        (await enclave.EndedAsync(7000)).State.Should().Be(ParentConnectionState.Failed);
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
        (await enclave.EndedAsync(7001)).State.Should().Be(ParentConnectionState.Refused);
    }

    [Fact]
    public async Task Connections_are_counted()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).Expect("hello from enclave").Times(2));
        await enclave.CommandAsync("connect 7000");
        await enclave.EndedAsync(7000);

        (await enclave.Parent.Awaiting(parent => parent.VerifyAllAsync(TimeSpan.FromMilliseconds(200))).Should().ThrowAsync<ParentExpectationException>()).Which
            .Message.Should().Contain("1 of 2 connections");

        await enclave.CommandAsync("connect 7000");
        await enclave.Parent.VerifyAllAsync();
    }

    [Fact]
    public async Task Lines_may_come_in_any_order()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).ExpectLinesInAnyOrder("Host: parent", "Connection: close", "GET /x HTTP/1.1").ExpectLine(""));

        await enclave.CommandAsync("get 7000 /x");

        await enclave.Parent.VerifyAllAsync();
    }

    [Fact]
    public async Task A_missing_line_is_named()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).ExpectLinesInAnyOrder("Host: parent", "Accept: text/plain", "GET /x HTTP/1.1"));

        await enclave.CommandAsync("get 7000 /x");

        await enclave.Parent.Awaiting(parent => parent.VerifyAllAsync()).Should().ThrowAsync<ParentExpectationException>()
            .WithMessage("*Expected one of \"Accept: text/plain\", received \"Connection: close\"*");
    }

    [Theory]
    [InlineData("""{"b": [1, 2], "a": null}""", true)]
    [InlineData("""{"a":null,"b":[2,1]}""", false)]
    [InlineData("nonsense", false)]
    public async Task Json_is_compared_by_what_it_says(string sent, bool equal)
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).ExpectJson("""{"a":null,"b":[1,2]}"""));

        await enclave.CommandAsync($"send 7000 {sent}");

        if (equal)
            await enclave.Parent.VerifyAllAsync();
        else
            await enclave.Parent.Awaiting(parent => parent.VerifyAllAsync()).Should().ThrowAsync<ParentExpectationException>().WithMessage("*Expected JSON*" + sent + "*");
    }

    [Fact]
    public async Task A_script_begins_again()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).ExpectLine(_ => true, "of a request").ReplyLine("one line").Repeat());

        await enclave.CommandAsync("get 7000 /");

        await enclave.Console.WaitForLineAsync(_ => enclave.Console.Lines.Count(line => line.Text == "one line") == 4);
    }

    [Fact]
    public async Task A_handler_keeps_state_of_a_connection_and_of_all()
    {
        int connections = 0;
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).Handle(async (peer, token) =>
        {
            int lines = 0;
            int number = Interlocked.Increment(ref connections);
            while (await peer.ReadLineAsync(token) is { Length: > 0 })
                lines++;
            await peer.WriteLineAsync($"connection {number} sent {lines} lines", token);
        }));

        await enclave.CommandAsync("get 7000 /");
        await enclave.CommandAsync("get 7000 /");

        await enclave.Console.WaitForLineAsync("connection 1 sent 3 lines");
        await enclave.Console.WaitForLineAsync("connection 2 sent 3 lines");
    }

    [Fact]
    public async Task Enclaves_talk_to_a_web_server()
    {
        var stub = new ParentHttpStub().On("GET", "/config", ParentHttpResponse.OfJson(new { Region = "eu-central-1" }), times: 1);
        await using Enclave enclave = await StartAsync(parent => parent.Port(8080).Http(stub));

        await enclave.CommandAsync("get 8080 /config?full=1");
        await enclave.Console.WaitForLineAsync("""{"region":"eu-central-1"}""");
        await enclave.CommandAsync("get 8080 /config");
        await enclave.Console.WaitForLineAsync("The parent has no answer to GET /config.");

        stub.Requests.Select(request => request.Target).Should().Equal("/config?full=1", "/config");
        stub.Requests[0].Headers["host"].Should().Be("parent");
        stub.Unmatched.Should().ContainSingle();
    }

    [Fact]
    public async Task Nothing_is_awaited_of_an_enclave_that_has_ended()
    {
        await using Enclave enclave = await StartAsync(parent => parent.Port(7000).ExpectLine("never"));
        await using (EnclaveConnection connection = await enclave.ConnectAsync(5001))
            await connection.SendLineAsync("exit");
        await enclave.WaitForExitAsync();

        (await enclave.Parent.Awaiting(parent => parent.WaitForConnectionAsync(7000, TimeSpan.FromSeconds(20))).Should().ThrowAsync<EnclaveExitedException>())
            .Which.Message.Should().Contain("port 7000 (nobody connected)").And.Contain("Reboot").And.Contain("hello: exit requested");
        await enclave.Parent.Awaiting(parent => parent.VerifyAllAsync(TimeSpan.FromSeconds(20))).Should().ThrowAsync<ParentExpectationException>();
    }

    private static Task<Enclave> StartAsync(Action<ParentBuilder> parent) => Guest.StartHelloAsync(builder => builder.WithParent(parent));
}
