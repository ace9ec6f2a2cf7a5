namespace HelloEnclave.Xunit3;

/// <summary>Boots hello.eif once for all test classes of the assembly that take it. The enclave tells its parent on port 9001 when it is ready.</summary>
public sealed class Hello : EnclaveFixture
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave
        .WithImage("hello.eif")
        .WithParent(parent => parent
            .Port(9001).Expect("ready\n")
            .Port(7000).ExpectLine("hello from enclave").ReplyLine("hello from the parent"))
        .WaitFor(Wait.ForHeartbeat().And(Wait.ForParentPort(9001)));
}
