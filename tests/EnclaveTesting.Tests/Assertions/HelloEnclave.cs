using EnclaveTesting.Tests.Lifecycle;
using EnclaveTesting.Xunit;

namespace EnclaveTesting.Tests.Assertions;

/// <summary>The guest <c>hello</c>, ready, whose parent still expects something on port 7000.</summary>
public sealed class HelloEnclave : EnclaveFixture
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave
        .WithImage(Guest.Image("hello"))
        .WithParent(parent => parent.Port(9001).Expect("ready\n").Port(7000).ExpectLine("hello {0} from nobody"))
        .WaitFor(Wait.ForParentPort(9001).And(Wait.ForConsole("ready: told parent")))
        // Messages that are compared tell of the connections: they must not end in between.
        .AfterStart((hello, _) => Task.WhenAll(hello.Parent.Connections.Select(connection => connection.Ended)));
}
