using Xunit.Abstractions;
using Xunit.Sdk;

namespace EnclaveTesting.Xunit;

/// <summary>Passes on what xUnit reports and adds to failures what the enclaves of the test printed.</summary>
internal sealed class ConsoleMessageBus(IMessageBus inner, object[] constructorArguments) : IMessageBus
{
    /// <inheritdoc/>
    public bool QueueMessage(IMessageSinkMessage message) => inner.QueueMessage(message is ITestFailed failed ? WithConsole(failed) : message);

    /// <inheritdoc/>
    public void Dispose()
    {
        // The inner bus belongs to whoever made it.
    }

    private TestFailed WithConsole(ITestFailed failed)
    {
        IEnumerable<string> reports = constructorArguments.OfType<EnclaveFixture>().Select(fixture => fixture.EnclaveOrNull).OfType<Enclave>().Select(FailureReport.Render);
        string output = string.Join('\n', reports.Prepend(failed.Output).Where(text => !string.IsNullOrEmpty(text)));
        return new TestFailed(failed.Test, failed.ExecutionTime, output, failed.ExceptionTypes, failed.Messages, failed.StackTraces, failed.ExceptionParentIndices);
    }
}
