using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Tests.Lifecycle;
using EnclaveTesting.Tests.Shared;
using EnclaveTesting.Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace EnclaveTesting.Tests.Xunit;

public class EnclaveFactTests
{
    [Fact]
    public async Task A_failing_test_shows_the_console_of_its_fixture()
    {
        await using var fixture = new HelloFixture();
        await fixture.InitializeAsync();
        // The parent knows of the heartbeat before the enclave says so.
        await fixture.Console.WaitForLineAsync("heartbeat: sent");

        TestFailed failed = (await RunAsync(nameof(Sample.Fails), fixture)).OfType<TestFailed>().Should().ContainSingle().Which;

        failed.Messages.Should().ContainSingle().Which.Should().Contain("on purpose");
        failed.Output.Should().Contain("---- console of HelloFixture (Running) ----").And.Contain("heartbeat: sent 0xb7, received 0xb7")
            .And.Contain("---- connections to the parent ----").And.Contain("port 9000, connection 1");
        string console = Path.Combine(FailureArtifacts.Folder, "Sample.Fails.console.txt"), parent = Path.Combine(FailureArtifacts.Folder, "Sample.Fails.parent.txt");
        failed.Output.Should().EndWith($"---- artefacts ----\n{console}\n{parent}\n");
        (await File.ReadAllTextAsync(console)).Should().StartWith("hello: enclave guest starting\n");
        (await File.ReadAllTextAsync(parent)).Should().StartWith("The parent of HelloFixture (Running)\n");
    }

    [FullDeviceFact]
    public async Task A_test_that_fails_on_a_full_disk_shows_its_own_failure_and_why_the_files_are_missing()
    {
        await using var fixture = new HelloFixture();
        await fixture.InitializeAsync();
        string[] files = [.. ((string[])["console", "parent"]).Select(kind => Path.Combine(FailureArtifacts.Folder, $"Sample.Fails_on_a_full_disk.{kind}.txt"))];
        Array.ForEach(files, FullDevice.Put);

        TestFailed failed = (await RunAsync(nameof(Sample.Fails_on_a_full_disk), fixture)).OfType<TestFailed>().Should().ContainSingle().Which;

        Array.ForEach(files, File.Delete);
        failed.Messages.Should().ContainSingle().Which.Should().Contain("on purpose");
        failed.Output.Should().Contain("---- console of HelloFixture (Running) ----")
            .And.ContainAll(files.Select(file => $"{file} could not be written: No space left on device"));
    }

    [Fact]
    public async Task What_a_failing_test_started_itself_is_shown_too()
    {
        await using var fixture = new HelloFixture();
        await fixture.InitializeAsync();

        (await RunAsync(nameof(Sample.Fails_with_an_enclave_of_its_own), fixture)).OfType<TestFailed>().Should().ContainSingle().Which.Output
            .Should().Contain("---- console of HelloFixture (Running) ----").And.Contain("---- console of own (Disposed) ----")
            .And.Contain("Sample.Fails_with_an_enclave_of_its_own.own.2.console.txt");
    }

    [Fact]
    public async Task An_isolated_test_has_a_clone_for_itself()
    {
        await using var fixture = new HelloFixture();
        await fixture.InitializeAsync();

        foreach (string method in (string[])[nameof(Sample.Is_alone), nameof(Sample.Is_alone), nameof(Sample.Is_not_alone), nameof(Sample.Is_alone)])
        {
            IReadOnlyList<IMessageSinkMessage> messages = await RunAsync(method, fixture);
            messages.OfType<TestFailed>().SelectMany(failed => failed.Messages).Should().BeEmpty();
            messages.OfType<TestPassed>().Should().ContainSingle();
        }

        fixture.Console.All.Text.Should().Contain("trace of the shared one").And.NotContain("trace of a clone");
    }

    [Fact]
    public async Task A_clone_that_cannot_be_made_fails_its_test()
    {
        await using var fixture = new HelloFixture();
        await fixture.InitializeAsync();
        await fixture.Enclave.StopAsync();

        (await RunAsync(nameof(Sample.Is_alone), fixture)).OfType<TestFailed>().Should().ContainSingle().Which.Messages.Should().ContainSingle().Which.Should().Contain("does not run any more");
    }

    [Fact]
    public async Task A_passing_test_shows_nothing()
    {
        await using var fixture = new HelloFixture();
        await fixture.InitializeAsync();

        (await RunAsync(nameof(Sample.Passes), fixture)).OfType<TestPassed>().Should().ContainSingle().Which.Output.Should().BeEmpty();
        File.Exists(Path.Combine(FailureArtifacts.Folder, "Sample.Passes.console.txt")).Should().BeFalse();
    }

    [Fact]
    public void A_test_whose_accelerator_is_missing_is_skipped_with_the_reason()
    {
        string? why = AcceleratorSupport.WhyNot(Accelerator.Kvm);

        new EnclaveFactAttribute { Requires = Accelerator.Kvm }.Skip.Should().Be(why is null ? null : "Needs Kvm: " + why);
        new EnclaveFactAttribute { Requires = Accelerator.Kvm, Skip = "my own reason" }.Skip.Should().Be("my own reason");
        new EnclaveFactAttribute().Skip.Should().BeNull();
    }

    private static async Task<IReadOnlyList<IMessageSinkMessage>> RunAsync(string method, HelloFixture fixture)
    {
        var assembly = new TestAssembly(Reflector.Wrap(typeof(Sample).Assembly));
        var testClass = new TestClass(new TestCollection(assembly, null, "sample"), Reflector.Wrap(typeof(Sample)));
        var testMethod = new TestMethod(testClass, Reflector.Wrap(typeof(Sample).GetMethod(method)!));
        using var testCase = new EnclaveTestCase(new NullMessageSink(), TestMethodDisplay.Method, TestMethodDisplayOptions.None, testMethod);
        using var bus = new RecordingBus();
        using var stop = new CancellationTokenSource();
        await testCase.RunAsync(new NullMessageSink(), bus, [fixture], new ExceptionAggregator(), stop);
        return bus.Messages;
    }

    private sealed class HelloFixture : EnclaveFixture, IAsyncDisposable
    {
        async ValueTask IAsyncDisposable.DisposeAsync() => await DisposeAsync();

        protected override EnclaveBuilder Configure(EnclaveBuilder enclave) => enclave.WithImage(Guest.Image("hello"));
    }

#pragma warning disable xUnit1000 // private, so that only the test above runs it
    private sealed class Sample(HelloFixture enclave)
    {
        [EnclaveFact]
        public void Fails() => enclave.Parent.HasHeartbeat.Should().BeFalse("it fails on purpose");

        [EnclaveFact]
        public void Fails_on_a_full_disk() => Fails();

        [EnclaveFact]
        public async Task Fails_with_an_enclave_of_its_own()
        {
            await using Enclave own = Guest.Of("hello").WithName("own").Build();
            await own.StartAsync();
            own.Parent.HasHeartbeat.Should().BeFalse("it fails on purpose");
        }

        [EnclaveFact]
        public void Passes() => enclave.Parent.HasHeartbeat.Should().BeTrue();

        [EnclaveFact(Isolation = Isolation.PerTest)]
        public Task Is_alone() => LeaveATraceAsync("of a clone");

        [EnclaveFact]
        public Task Is_not_alone() => LeaveATraceAsync("of the shared one");

        private async Task LeaveATraceAsync(string text)
        {
            enclave.Console.All.Text.Should().NotContain("trace");
            await enclave.Console.WaitForLineAsync("source: listening");
            await enclave.Enclave.CommandAsync($"console trace {text}");
            await enclave.Console.WaitForLineAsync($"trace {text}");
        }
    }
#pragma warning restore xUnit1000

    private sealed class RecordingBus : IMessageBus
    {
        private readonly List<IMessageSinkMessage> _messages = [];

        public IReadOnlyList<IMessageSinkMessage> Messages => _messages;

        public bool QueueMessage(IMessageSinkMessage message)
        {
            _messages.Add(message);
            return true;
        }

        public void Dispose()
        {
        }
    }
}
