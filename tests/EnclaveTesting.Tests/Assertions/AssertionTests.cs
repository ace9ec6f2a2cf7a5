using System.Text.RegularExpressions;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Tests.Lifecycle;
using EnclaveTesting.Xunit;
using FluentAssertions.Execution;

namespace EnclaveTesting.Tests.Assertions;

/// <summary>Assertions about enclaves that are as they should be, and about the same that are not: with and without FluentAssertions.</summary>
public class AssertionTests(HelloEnclave hello) : IClassFixture<HelloEnclave>
{
    private Enclave Enclave => hello.Enclave;

    [EnclaveFact]
    public void What_is_so_passes()
    {
        hello.Should().HaveSentHeartbeat().And.BeRunning();
        hello.Console.Should().ContainLine("echo: listening").Which.Should().Be("echo: listening on port 5000");
        hello.Console.Should().ContainLine(new Regex("^vsock: cid [0-9]+$")).And.NotContainLine("panic").And.NotContainLine(new Regex("^ready$"));
        hello.Console.Should().ContainLinesInOrder("enclave guest starting", "heartbeat: sent", "ready:");
        hello.Console.BootLog.Should().ContainLine("vsock: cid").And.NotContainLine("heartbeat");
        hello.Parent.Should().HaveReceived(9001, "ready\n").Which.Number.Should().Be(1);
        hello.Parent.Should().HaveReceived(9000, new byte[] { 0xb7 }).And.HaveConnections(9001, 1).And.HaveConnections(4242, 0);

        Enclave.AssertHeartbeat().Should().BePositive();
        Enclave.AssertRunning();
        Enclave.Console.AssertLine("echo: listening").Should().Be("echo: listening on port 5000");
        Enclave.Console.AssertLine(new Regex("^vsock: cid [0-9]+$")).Should().Be("vsock: cid 16");
        Enclave.Console.AssertLinesInOrder("enclave guest starting", "heartbeat: sent", "ready:");
        Enclave.Console.AssertNoLine("panic");
        Enclave.Console.BootLog.AssertNoLine(new Regex("heartbeat"));
        Enclave.Parent.AssertReceived(9001, "ready\n").Port.Should().Be(9001);
        Enclave.Parent.AssertConnections(9001, 1).Should().ContainSingle();
    }

    [EnclaveFact]
    public void A_line_that_is_missing() => Fails(
        () => Enclave.Console.AssertLine("{0} lines"),
        () => hello.Console.Should().ContainLine("{0} lines"),
        "Expected the console to have a line containing \"{0} lines\", but none of its * lines is one.\nConsole (last lines):\n    hello: enclave guest starting\n*    ready: told parent on port 9001");

    [EnclaveFact]
    public void A_pattern_that_no_line_matches() => Fails(
        () => Enclave.Console.BootLog.AssertLine(new Regex("^ready{2}$")),
        () => hello.Console.BootLog.Should().ContainLine(new Regex("^ready{2}$")),
        "Expected the boot log to have a line matching /^ready{2}$/, but none of its * lines is one.\nBoot log (last lines):\n*vsock: cid 16");

    [EnclaveFact]
    public void A_line_that_should_not_be() => Fails(
        () => Enclave.Console.AssertNoLine("vsock: cid"),
        () => hello.Console.Should().NotContainLine("vsock: cid"),
        "Expected the console to have no line containing \"vsock: cid\", but line * is \"vsock: cid 16\".\n*");

    [EnclaveFact]
    public void A_pattern_that_should_not_match() => Fails(
        () => Enclave.Console.AssertNoLine(new Regex("cid 1.")),
        () => hello.Console.Should().NotContainLine(new Regex("cid 1.")),
        "Expected the console to have no line matching /cid 1./, but line * is \"vsock: cid 16\".\n*");

    [EnclaveFact]
    public void Lines_out_of_order() => Fails(
        () => Enclave.Console.AssertLinesInOrder("boot: entered", "lines: listening", "echo: listening", "never"),
        () => hello.Console.Should().ContainLinesInOrder("boot: entered", "lines: listening", "echo: listening", "never"),
        "Expected the console to have 4 lines in order, but \"echo: listening\" does not come after line *, only in line *.\nIn order:\n    [line 2] boot: entered\n"
        + "    [line *] lines: listening\n    [missing] echo: listening\n    [not looked for] never\nConsole (last lines):\n*");

    [EnclaveFact]
    public void Lines_that_are_missing() => Fails(
        () => Enclave.Console.AssertLinesInOrder("never"),
        () => hello.Console.Should().ContainLinesInOrder("never"),
        "Expected the console to have 1 lines in order, but no line contains \"never\".\nIn order:\n    [missing] never\n*");

    [EnclaveFact]
    public void Bytes_that_were_not_received() => Fails(
        () => Enclave.Parent.AssertReceived(9001, "steady"),
        () => hello.Parent.Should().HaveReceived(9001, "steady"),
        "Expected the parent to have received \"steady\" on port 9001, but the one connection to it brought something else.\nParent:\n"
        + "    port 9000, connection 1: *\n    port 9001, connection 1: *received \"ready\\n\"*\nConsole (last lines):\n*");

    [EnclaveFact]
    public void A_port_that_nobody_connected_to() => Fails(
        () => Enclave.Parent.AssertReceived(4242, new byte[] { 1, 2 }),
        () => hello.Parent.Should().HaveReceived(4242, new byte[] { 1, 2 }),
        "Expected the parent to have received 0x0102 on port 4242, but nobody connected to that port.\n*");

    [EnclaveFact]
    public void Too_few_connections() => Fails(
        () => Enclave.Parent.AssertConnections(9001, 2),
        () => hello.Parent.Should().HaveConnections(9001, 2),
        "Expected the parent to have had 2 connections to port 9001, but 1 came.\n*");

    [EnclaveFact]
    public void An_enclave_that_has_not_ended() => Fails(
        () => Enclave.AssertExited(VmExitReason.Reboot),
        () => hello.Should().HaveExitedWith(VmExitReason.Reboot),
        "Expected HelloEnclave to have ended with Reboot, but it is running.\nParent:\n*Console (last lines):\n*");

    [EnclaveFact]
    public async Task An_enclave_that_does_not_end_in_time() => await FailsAsync(
        () => Enclave.AssertExitsAsync(VmExitReason.Reboot, TimeSpan.FromMilliseconds(50)),
        () => hello.Should().ExitWithAsync(VmExitReason.Reboot, TimeSpan.FromMilliseconds(50)),
        "Expected HelloEnclave to end with Reboot within 50 ms, but it is running.\n*");

    [EnclaveFact]
    public async Task Expectations_of_the_parent_that_are_not_met() => (await hello.Parent
        .Awaiting(parent => parent.Should().HaveMetItsExpectationsAsync(TimeSpan.FromMilliseconds(50), "it was {0}", "agreed")).Should().ThrowAsync<Exception>()).Which.Message
        .Should().Match("Expected the enclave to have done what its parent expects because it was agreed, but it did not.\nThe enclave did not do what the parent expects:\n"
            + "  port 7000: 0 of 1 connections came; awaited: expect the line \"hello {0} from nobody\"\nParent:\n*Console (last lines):\n*");

    [EnclaveFact]
    public void Reasons_and_scopes_are_those_of_FluentAssertions()
    {
        Action several = () =>
        {
            using var scope = new AssertionScope();
            hello.Console.Should().ContainLine("{one}", "the {0} says so", "manual");
            hello.Parent.Should().HaveReceived(4242, "two");
        };

        several.Should().Throw<Exception>().Which.Message.Should()
            .Contain("Expected the console to have a line containing \"{one}\" because the manual says so, but none").And.Contain("received \"two\" on port 4242");
    }

    [Fact]
    public async Task An_enclave_that_ends_otherwise_than_it_should()
    {
        await using Enclave enclave = await Guest.StartHelloAsync();
        await using EnclaveConnection lines = await enclave.ConnectAsync(5001);
        await lines.SendLineAsync("exit");

        (await enclave.Should().ExitWithAsync(VmExitReason.Reboot)).Which.Reason.Should().Be(VmExitReason.Reboot);
        (await enclave.AssertExitsAsync(VmExitReason.Reboot)).Reason.Should().Be(VmExitReason.Reboot);
        enclave.Should().HaveExitedWith(VmExitReason.Reboot).Which.Should().BeSameAs(enclave.AssertExited(VmExitReason.Reboot));
        Fails(
            () => enclave.AssertExited(VmExitReason.Panic),
            () => enclave.Should().HaveExitedWith(VmExitReason.Panic),
            "Expected hello to have ended with Panic, but it ended with Reboot.\nExit: Reboot: *\nParent:\n*hello: exit requested");
        Fails(
            enclave.AssertRunning,
            () => enclave.Should().BeRunning(),
            "Expected hello to be running, but it ended with Reboot.\nExit: Reboot: *");
    }

    [Fact]
    public async Task An_enclave_without_heartbeat()
    {
        await using Enclave enclave = Guest.Of("no-heartbeat").WaitFor(Wait.ForConsole("no-heartbeat: sleeping")).Build();
        Fails(enclave.AssertRunning, () => enclave.Should().BeRunning(), "Expected no-heartbeat to be running, but it was not started.\nParent: nobody connected.\nConsole: nothing was printed.");

        await enclave.StartAsync();

        enclave.Should().BeRunning();
        Fails(
            () => enclave.AssertHeartbeat(),
            () => enclave.Should().HaveSentHeartbeat(),
            "Expected no-heartbeat to have sent its heartbeat, but none has come on port 9000 (phase: Ready).\nParent: nobody connected.\nConsole (last lines):\n*    no-heartbeat: sleeping");
    }

    private static void Fails(Action plain, Action fluent, string message)
    {
        string thrown = plain.Should().Throw<EnclaveAssertionException>().Which.Message;

        thrown.Should().Match(message);
        fluent.Should().Throw<Exception>().Which.Message.Should().Be(thrown, "one place makes the messages");
    }

    private static async Task FailsAsync(Func<Task> plain, Func<Task> fluent, string message)
    {
        string thrown = (await plain.Should().ThrowAsync<EnclaveAssertionException>()).Which.Message;

        thrown.Should().Match(message);
        (await fluent.Should().ThrowAsync<Exception>()).Which.Message.Should().Be(thrown, "one place makes the messages");
    }
}
