namespace HelloEnclave.NUnit;

/// <summary>Boots hello.eif once for the test classes of this namespace. The enclave tells its parent on port 9001 when it is ready.</summary>
[SetUpFixture]
public sealed class Hello : EnclaveFixture
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave
        .WithImage("hello.eif")
        .WithParent(parent => parent
            .Port(9001).Expect("ready\n")
            .Port(7000).ExpectLine("hello from enclave").ReplyLine("hello from the parent"))
        .WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)));
}
