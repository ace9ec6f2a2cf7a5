using EnclaveTesting;
using EnclaveTesting.Engine.Images;
using EnclaveTesting.Xunit;
using Xunit;

namespace Sample.Tests;

public sealed class Hello : EnclaveFixture
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave
        .WithImage("hello.eif")
        .WithParent(parent => parent.Port(9001).Expect("ready\n"))
        .WaitFor(Wait.ForParentPort(9001));
}

public class HelloTests(Hello enclave) : IClassFixture<Hello>
{
    [EnclaveFact]
    public async Task Answers_a_line()
    {
        await using EnclaveConnection connection = await enclave.ConnectAsync(port: 5001);

        Assert.Equal("pong", await connection.AskAsync("ping"));
    }

    [EnclaveFact]
    public void Boots_as_it_always_did() => enclave.Console.BootLog.MatchSnapshot();

    [Fact]
    public void The_guest_kit_came_with_the_packages() => Assert.StartsWith("6.12.", GuestKit.KernelVersion, StringComparison.Ordinal);
}
