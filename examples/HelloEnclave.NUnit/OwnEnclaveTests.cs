namespace HelloEnclave.NUnit;

/// <summary>Ends its enclave, and so has one of its own.</summary>
public class OwnEnclaveTests : EnclaveTestBase
{
    protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave
        .WithImage("hello.eif")
        .WithParent(parent => parent.Port(9001).Expect("ready\n"))
        .WaitFor(Wait.ForParentPort(9001));

    [Test]
    public async Task Ends_when_told()
    {
        await using EnclaveConnection connection = await ConnectAsync(port: 5001);
        await connection.SendLineAsync("exit");

        await Enclave.WaitForExitAsync();

        Assert.That(Console.Lines[^1].Text, Is.EqualTo("hello: exit requested"));
    }
}
