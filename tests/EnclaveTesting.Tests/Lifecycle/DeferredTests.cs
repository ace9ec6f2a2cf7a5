using System.Net;
using System.Net.Sockets;

namespace EnclaveTesting.Tests.Lifecycle;

/// <summary>What a builder leaves open until an enclave needs it.</summary>
public class DeferredTests
{
    [Fact]
    public async Task Makes_an_image_once_for_all_enclaves_of_a_builder()
    {
        int made = 0;
        EnclaveBuilder builder = Guest.Of("hello").WithImage(async _ =>
        {
            await Task.Yield();
            made++;
            return Guest.Image("hello");
        });

        for (int i = 0; i < 2; i++)
        {
            await using Enclave enclave = builder.Build();
            made.Should().Be(i);
            await enclave.StartAsync();
            enclave.Parent.HasHeartbeat.Should().BeTrue();
            made.Should().Be(1);
        }
    }

    [Fact]
    public async Task Makes_an_image_anew_after_a_failure()
    {
        int attempts = 0;
        EnclaveBuilder builder = Guest.Of("hello").WithImage(_ =>
            ++attempts == 1 ? throw new IOException("the registry is away") : Task.FromResult(Guest.Image("hello")));
        await using Enclave first = builder.Build(), second = builder.Build();

        await first.Awaiting(it => it.StartAsync()).Should().ThrowAsync<EnclaveBootException>().WithMessage("*the registry is away*");
        await second.StartAsync();

        second.Parent.HasHeartbeat.Should().BeTrue();
        attempts.Should().Be(2);
    }

    [Fact]
    public async Task Asks_for_a_servers_address_when_the_enclave_connects()
    {
        using var server = new TcpListener(IPAddress.Loopback, 0);
        await using Enclave enclave = await Guest.StartHelloAsync(builder => builder
            .WithParent(parent => parent.Port(8000).ForwardTo(() => new DnsEndPoint("127.0.0.1", ((IPEndPoint)server.LocalEndpoint).Port))));
        server.Start();

        Task<string> command = enclave.CommandAsync("connect 8000");
        using (TcpClient client = await server.AcceptTcpClientAsync())
            await client.GetStream().WriteAsync("from the server\n"u8.ToArray());

        (await command).Should().Be("ok");
        await enclave.Console.WaitForLineAsync("from the server");
    }

    [Fact]
    public async Task Reports_why_a_server_has_no_address()
    {
        await using Enclave enclave = await Guest.StartHelloAsync(builder => builder
            .WithParent(parent => parent.Port(8000).ForwardTo(() => throw new InvalidOperationException("the database is not started"))));

        await enclave.CommandAsync("connect 8000");

        await enclave.Parent.WaitForConnectionAsync(8000).ContinueWith(_ => { }, TaskScheduler.Default);
        await enclave.Parent.ConnectionsTo(8000)[0].Ended;
        await enclave.Parent.Awaiting(parent => parent.VerifyAllAsync()).Should().ThrowAsync<ParentExpectationException>().WithMessage("*port 8000*the database is not started*");
    }
}
