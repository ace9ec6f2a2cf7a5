using NUnit.Framework.Interfaces;

namespace EnclaveTesting.NUnit.Tests;

/// <summary>The NUnit package, seen from outside: what its runner reports about tests that fail and are skipped.</summary>
public class NUnitTests(NUnitRun run) : IClassFixture<NUnitRun>
{
    [Theory]
    [InlineData("OwnSample.Fails", "on purpose", "OwnSample")]
    [InlineData("OwnSample.Fails_with(1)", "Expected: 0", "OwnSample")]
    [InlineData("SharingSample.Fails", "on purpose", "SharedHello")]
    public void A_failing_test_shows_the_console_of_its_enclave_and_names_the_files(string test, string message, string enclave)
    {
        ITestResult result = run.Of(test);

        result.ResultState.Status.Should().Be(TestStatus.Failed);
        result.Message.Should().Contain(message);
        result.Output.Should().Contain($"---- console of {enclave} (Running) ----").And.Contain("vsock: cid 16")
            .And.Contain("---- connections to the parent ----").And.Contain("port 9000, connection 1")
            .And.NotMatch("*---- console of *---- console of *", "the test has one enclave");
        string[] files = [.. result.TestAttachments.Select(it => it.FilePath)];
        files.Select(Path.GetFileName).Should().Equal($"{test}.console.txt", $"{test}.parent.txt");
        result.Output.Should().ContainAll(files);
        File.ReadAllText(files[0]).Should().StartWith("hello: enclave guest starting\n");
    }

    [Fact]
    public void What_a_failing_test_started_itself_is_shown_too() => run.Of("SharingSample.Fails_with_an_enclave_of_its_own").Output
        .Should().Contain("---- console of SharedHello (Running) ----").And.Contain("---- console of own (Disposed) ----")
        .And.Contain("SharingSample.Fails_with_an_enclave_of_its_own.own.2.console.txt");

    [Theory]
    [InlineData("SharingSample.Is_alone(1)")]
    [InlineData("SharingSample.Is_alone(2)")]
    public void An_isolated_test_sees_nothing_of_another(string test) => run.Of(test).ResultState.Status.Should().Be(TestStatus.Passed, run.Of(test).Message);

    [Fact]
    public void A_passing_test_shows_and_writes_nothing()
    {
        ITestResult result = run.Of("OwnSample.Passes");

        result.ResultState.Status.Should().Be(TestStatus.Passed);
        result.Output.Should().BeEmpty();
        result.TestAttachments.Should().BeEmpty();
    }

    [Theory]
    [InlineData("OwnSample.Needs_what_nobody_has", "Needs 99: there is no such accelerator.")]
    [InlineData("OwnSample.Is_ignored", "my own reason")]
    public void A_test_is_skipped_with_the_reason(string test, string reason)
    {
        ITestResult result = run.Of(test);

        result.ResultState.Status.Should().Be(TestStatus.Skipped);
        result.Message.Should().Be(reason);
    }

    [Fact]
    public void A_class_without_its_fixture_says_what_is_missing()
    {
        ITestResult result = run.Of("LostSample.Has_no_enclave");

        result.ResultState.Status.Should().Be(TestStatus.Failed);
        result.Message.Should().Contain("NeverStarted has not been started for LostSample").And.Contain("[SetUpFixture]");
    }

    [Fact]
    public void An_enclave_that_does_not_start_fails_the_tests_and_leaves_files()
    {
        ITestResult result = run.Of("PanicSample.Cannot_run");

        result.ResultState.Status.Should().Be(TestStatus.Failed);
        result.Message.Should().Contain("PanicSample ended before it was ready (phase: Booting)").And.Contain("PanicSample.boot.console.txt");
    }
}
