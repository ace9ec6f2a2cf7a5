using Xunit.Abstractions;

namespace EnclaveTesting.Docs.Tests;

#region collection
[CollectionDefinition("signer")]
public sealed class Signer : EnclaveFixture, ICollectionFixture<Signer>
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave.WithImage("hello.eif").WaitFor(Wait.ForPort(5001));
}

[Collection("signer")]
public class SigningTests(Signer enclave)
{
    [EnclaveFact]
    public async Task Signs() => (await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("ping")).Should().Be("pong");
}
#endregion

#region output
[Collection("signer")]
public sealed class ShowingTests(Signer enclave, ITestOutputHelper output) : IDisposable
{
    private readonly IDisposable _console = enclave.Console.WriteTo(output);

    public void Dispose() => _console.Dispose();

    [EnclaveFact]
    public async Task Shows_what_the_enclave_prints_meanwhile() =>
        (await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("console I am signing")).Should().Be("ok");
}
#endregion
