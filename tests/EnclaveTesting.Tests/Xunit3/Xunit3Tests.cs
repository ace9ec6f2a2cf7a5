using System.Xml.Linq;

namespace EnclaveTesting.Tests.Xunit3;

/// <summary>The xUnit 3 package, seen from outside: what its runner reports about tests that fail and are skipped.</summary>
public class Xunit3Tests(Xunit3Run run) : IClassFixture<Xunit3Run>
{
    [Theory]
    [InlineData("HelloSample.Fails", "on purpose", "HelloSample.Fails")]
    [InlineData("HelloSample.Fails_with(number: 1)", "Expected: 0", "HelloSample.Fails_with(1)")]
    public void A_failing_test_shows_the_console_of_its_fixture_and_names_the_files(string test, string message, string files)
    {
        (string result, XElement element) = run.Of(test);

        result.Should().Be("Fail");
        element.Element("failure")!.Value.Should().Contain(message);
        element.Element("output")!.Value.Should().Contain("---- console of HelloFixture (Running) ----").And.Contain("vsock: cid 16")
            .And.Contain("---- connections to the parent ----").And.Contain("port 9000, connection 1")
            .And.Contain(Path.Combine(run.Artifacts, $"{files}.console.txt"));
        File.ReadAllText(Path.Combine(run.Artifacts, $"{files}.console.txt")).Should().StartWith("hello: enclave guest starting\n");
        File.ReadAllText(Path.Combine(run.Artifacts, $"{files}.parent.txt")).Should().Contain("port 9000, connection 1: Completed");
        element.Element("attachments")!.Elements().Select(it => (string)it.Attribute("name")!).Should().Equal($"{files}.console.txt", $"{files}.parent.txt");
    }

    [Fact]
    public void What_a_failing_test_started_itself_is_shown_too() => run.Of("HelloSample.Fails_with_an_enclave_of_its_own").Test.Element("output")!.Value
        .Should().Contain("---- console of HelloFixture (Running) ----").And.Contain("---- console of own (Disposed) ----")
        .And.Contain(Path.Combine(run.Artifacts, "HelloSample.Fails_with_an_enclave_of_its_own.own.2.console.txt"));

    [Theory]
    [InlineData("HelloSample.Is_alone")]
    [InlineData("HelloSample.Are_alone(number: 1)")]
    [InlineData("HelloSample.Are_alone(number: 2)")]
    public void An_isolated_test_sees_nothing_of_another(string test) => run.Of(test).Result.Should().Be("Pass", run.Of(test).Test.ToString());

    [Fact]
    public void An_isolated_test_that_fails_shows_its_clone() => run.Of("HelloSample.Fails_alone").Test.Element("output")!.Value
        .Should().Contain("---- console of HelloFixture (Running) ----").And.Contain("vsock: cid 16").And.NotContain("trace");

    [Fact]
    public void A_test_whose_time_is_over_shows_its_clone_which_ends_with_it()
    {
        XElement element = run.Of("HelloSample.Is_cancelled").Test;

        element.Element("output")!.Value.Split("---- console of HelloFixture (Running) ----").Should().HaveCount(2).And.Subject.Last().Should().Contain("trace 5");
        element.Element("failure")!.Value.Should().Contain("the clone is Disposed");
    }

    [Fact]
    public void A_passing_test_shows_and_writes_nothing()
    {
        (string result, XElement element) = run.Of("HelloSample.Passes");

        result.Should().Be("Pass");
        element.Element("output").Should().BeNull();
        Directory.EnumerateFiles(run.Artifacts, "*Passes*").Should().BeEmpty();
    }

    [Theory]
    [InlineData("HelloSample.Needs_what_nobody_has", "Needs 99: there is no such accelerator.")]
    [InlineData("HelloSample.Is_skipped", "my own reason")]
    public void A_test_is_skipped_with_the_reason(string test, string reason)
    {
        (string result, XElement element) = run.Of(test);

        result.Should().Be("Skip");
        element.Element("reason")!.Value.Should().Be(reason);
    }

    [Fact]
    public void A_fixture_that_does_not_start_fails_its_tests_and_leaves_files()
    {
        (string result, XElement element) = run.Of("PanicSample.Cannot_run");

        result.Should().Be("Fail");
        string file = Path.Combine(run.Artifacts, "PanicFixture.boot.console.txt");
        element.Element("failure")!.Element("message")!.Value.Should().Contain("PanicFixture ended before it was ready (phase: Booting)").And.Contain(file);
        File.ReadAllText(file).Should().Contain("Kernel panic - not syncing");
    }
}
