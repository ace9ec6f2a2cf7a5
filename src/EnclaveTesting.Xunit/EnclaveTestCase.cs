using Xunit.Abstractions;
using Xunit.Sdk;

namespace EnclaveTesting.Xunit;

/// <summary>A test whose failure shows the console.</summary>
internal sealed class EnclaveTestCase : XunitTestCase
{
    /// <summary>For xUnit, which fills it in from its serialized form.</summary>
    [Obsolete("Called by the de-serializer; should only be called by deriving classes for de-serialization purposes")]
    public EnclaveTestCase()
    {
    }

    /// <summary>A test case of a method, with the data of a theory's row.</summary>
    public EnclaveTestCase(IMessageSink diagnosticMessageSink, TestMethodDisplay display, TestMethodDisplayOptions displayOptions, ITestMethod testMethod, object[]? arguments = null)
        : base(diagnosticMessageSink, display, displayOptions, testMethod, arguments)
    {
    }

    /// <inheritdoc/>
    public override Task<RunSummary> RunAsync(
        IMessageSink diagnosticMessageSink, IMessageBus messageBus, object[] constructorArguments, ExceptionAggregator aggregator, CancellationTokenSource cancellationTokenSource) =>
        IsolatedTest.RunAsync(TestMethod, messageBus, constructorArguments, aggregator,
            bus => base.RunAsync(diagnosticMessageSink, bus, constructorArguments, aggregator, cancellationTokenSource));
}
