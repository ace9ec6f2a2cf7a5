using Xunit.Abstractions;
using Xunit.Sdk;

namespace EnclaveTesting.Xunit;

/// <summary>A theory whose data cannot be listed beforehand; its failures show the console.</summary>
internal sealed class EnclaveTheoryTestCase : XunitTheoryTestCase
{
    /// <summary>For xUnit, which fills it in from its serialized form.</summary>
    [Obsolete("Called by the de-serializer; should only be called by deriving classes for de-serialization purposes")]
    public EnclaveTheoryTestCase()
    {
    }

    /// <summary>A test case of a method.</summary>
    public EnclaveTheoryTestCase(IMessageSink diagnosticMessageSink, TestMethodDisplay display, TestMethodDisplayOptions displayOptions, ITestMethod testMethod)
        : base(diagnosticMessageSink, display, displayOptions, testMethod)
    {
    }

    /// <inheritdoc/>
    public override Task<RunSummary> RunAsync(
        IMessageSink diagnosticMessageSink, IMessageBus messageBus, object[] constructorArguments, ExceptionAggregator aggregator, CancellationTokenSource cancellationTokenSource) =>
        IsolatedTest.RunAsync(TestMethod, messageBus, constructorArguments, aggregator,
            bus => base.RunAsync(diagnosticMessageSink, bus, constructorArguments, aggregator, cancellationTokenSource));
}
