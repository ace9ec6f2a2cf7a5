using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
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

    [Theory]
    [InlineData(typeof(GuestKit))]
    [InlineData(typeof(EnclaveBuilder))]
    public void The_packages_came_compiled_for_this_platform(Type type)
    {
        using var file = new PEReader(File.OpenRead(type.Assembly.Location));
        bool compiled = file.PEHeaders.CorHeader!.ManagedNativeHeaderDirectory.Size > 0;

        // Elsewhere the portable assembly does, and is compiled while it runs.
        bool common = RuntimeInformation.RuntimeIdentifier is "linux-x64" or "linux-arm64" or "win-x64" or "osx-arm64";
        Assert.True(compiled || !common, $"{type.Assembly.Location} is not compiled for {RuntimeInformation.RuntimeIdentifier}.");
    }
}
