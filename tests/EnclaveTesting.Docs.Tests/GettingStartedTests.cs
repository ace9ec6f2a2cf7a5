#region first_test
using EnclaveTesting;
using EnclaveTesting.Xunit;
using Xunit;

public sealed class Hello : EnclaveFixture                          // boots once for a test class
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave
        .WithImage("hello.eif")
        .WithParent(parent => parent.Port(9001).Expect("ready\n"))  // the enclave tells its parent when it is ready
        .WaitFor(Wait.ForParentPort(9001));
}

public class HelloTests(Hello enclave) : IClassFixture<Hello>
{
    [EnclaveFact]
    public async Task Answers() =>
        Assert.Equal("pong", await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("ping"));
}
#endregion
