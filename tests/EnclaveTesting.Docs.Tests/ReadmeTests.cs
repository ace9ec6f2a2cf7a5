namespace EnclaveTesting.Docs.Tests;

#region tour
public sealed class App : EnclaveFixture                          // one microVM for a test class
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave
        .WithImage("hello.eif")
        .WithParent(parent => parent
            .Port(9001).Expect("ready\n")
            .Port(7000).ExpectLine("hello from enclave").ReplyLine("hello from the parent"))
        .WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)));
}

public class AppTests(App enclave) : IClassFixture<App>
{
    [EnclaveFact]
    public async Task Answers_requests() =>
        (await enclave.Client<Request, Request>(port: 5000, Codec.Json).SendAsync(new("abc", 1))).Should().Be(new Request("abc", 1));

    [EnclaveFact]
    public async Task Asks_its_parent()
    {
        await enclave.Client<string, string>(port: 5001, Codec.Lines).SendAsync("connect 7000");

        await enclave.Parent.VerifyAllAsync();
    }

    [EnclaveFact]
    public void Boots_as_it_always_did() => enclave.Console.BootLog.MatchSnapshot();
}

public sealed record Request(string Name, int Number);
#endregion
