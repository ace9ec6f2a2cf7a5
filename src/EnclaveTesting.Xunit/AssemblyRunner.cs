using System.Reflection;
using Xunit;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace EnclaveTesting.Xunit;

/// <summary>Runs the tests of an assembly with its fixtures.</summary>
internal sealed class AssemblyRunner(
    ITestAssembly testAssembly, IEnumerable<IXunitTestCase> testCases, IMessageSink diagnostics, IMessageSink execution, ITestFrameworkExecutionOptions options)
    : XunitTestAssemblyRunner(testAssembly, testCases, diagnostics, execution, options)
{
    private readonly Dictionary<Type, object> _fixtures = [];

    protected override async Task AfterTestAssemblyStartingAsync()
    {
        await base.AfterTestAssemblyStartingAsync().ConfigureAwait(false);
        // Where every test is skipped nobody needs the fixtures.
        if (TestCases.All(test => test.SkipReason is not null))
            return;
        Assembly assembly = ((IReflectionAssemblyInfo)TestAssembly.Assembly).Assembly;
        foreach (AssemblyFixtureAttribute attribute in assembly.GetCustomAttributes<AssemblyFixtureAttribute>())
            await Aggregator.RunAsync(() => CreateAsync(attribute.FixtureType)).ConfigureAwait(false);
    }

    protected override async Task BeforeTestAssemblyFinishedAsync()
    {
        foreach (IAsyncLifetime fixture in _fixtures.Values.OfType<IAsyncLifetime>())
            await Aggregator.RunAsync(fixture.DisposeAsync).ConfigureAwait(false);
        foreach (IDisposable fixture in _fixtures.Values.OfType<IDisposable>())
            Aggregator.Run(fixture.Dispose);
        await base.BeforeTestAssemblyFinishedAsync().ConfigureAwait(false);
    }

    protected override Task<RunSummary> RunTestCollectionAsync(
        IMessageBus messageBus, ITestCollection testCollection, IEnumerable<IXunitTestCase> cases, CancellationTokenSource cancellationTokenSource) =>
        // With the aggregator's failures: a fixture that did not start fails the tests, with its message.
        new CollectionRunner(_fixtures, testCollection, cases, DiagnosticMessageSink, messageBus, TestCaseOrderer, new ExceptionAggregator(Aggregator), cancellationTokenSource).RunAsync();

    private async Task CreateAsync(Type type)
    {
        object fixture = Activator.CreateInstance(type)!;
        _fixtures[type] = fixture;
        if (fixture is IAsyncLifetime lifetime)
            await lifetime.InitializeAsync().ConfigureAwait(false);
    }

    private sealed class CollectionRunner(
        IReadOnlyDictionary<Type, object> fixtures, ITestCollection testCollection, IEnumerable<IXunitTestCase> testCases, IMessageSink diagnostics,
        IMessageBus messageBus, ITestCaseOrderer orderer, ExceptionAggregator aggregator, CancellationTokenSource stop)
        : XunitTestCollectionRunner(testCollection, testCases, diagnostics, messageBus, orderer, aggregator, stop)
    {
        protected override Task<RunSummary> RunTestClassAsync(ITestClass testClass, IReflectionTypeInfo @class, IEnumerable<IXunitTestCase> testCases)
        {
            // The collection's own fixture of a type goes before the assembly's.
            var all = new Dictionary<Type, object>(fixtures);
            foreach ((Type type, object fixture) in CollectionFixtureMappings)
                all[type] = fixture;
            return new XunitTestClassRunner(
                testClass, @class, testCases, DiagnosticMessageSink, MessageBus, TestCaseOrderer, new ExceptionAggregator(Aggregator), CancellationTokenSource, all).RunAsync();
        }
    }
}
