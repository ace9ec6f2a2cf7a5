using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Docs.Tests;

public class AssertionsTests(Hello enclave) : IClassFixture<Hello>
{
    #region fluent
    [EnclaveFact]
    public async Task Talks_to_its_parent_as_agreed()
    {
        enclave.Should().HaveSentHeartbeat().And.BeRunning();
        enclave.Parent.Should().HaveReceived(9001, "ready\n").And.HaveConnections(4242, 0, "it has no business there");
        await enclave.Parent.Should().HaveMetItsExpectationsAsync();
    }

    [EnclaveFact]
    public void Prints_what_it_does()
    {
        enclave.Console.Should().ContainLine("vsock: cid").Which.Should().EndWith("16");
        enclave.Console.Should().ContainLinesInOrder("heartbeat: sent", "lines: listening").And.NotContainLine("Kernel panic");
        enclave.Console.BootLog.Should().NotContainLine("heartbeat");
    }
    #endregion

    #region plain
    [EnclaveFact]
    public void Is_as_it_should_be()
    {
        enclave.Enclave.AssertHeartbeat();
        enclave.Enclave.AssertRunning();
        enclave.Parent.AssertReceived(9001, "ready\n");
        enclave.Console.AssertLinesInOrder("heartbeat: sent", "lines: listening");
        enclave.Console.AssertNoLine("Kernel panic");
    }
    #endregion

    #region exit
    [Fact]
    public async Task Ends_when_told()
    {
        await using Enclave own = new EnclaveBuilder().WithImage("hello.eif").WaitFor(Wait.ForPort(5001)).Build();
        await own.StartAsync();

        await using EnclaveConnection connection = await own.ConnectAsync(port: 5001);
        await connection.SendLineAsync("exit");

        await own.Should().ExitWithAsync(VmExitReason.Reboot);
    }
    #endregion
}
