using Xunit.Abstractions;
using Xunit.Sdk;

namespace EnclaveTesting.Xunit;

/// <summary>Passes on what xUnit reports and adds to failures what is known about the enclaves of the test.</summary>
internal sealed class ConsoleMessageBus(IMessageBus inner, object[] constructorArguments) : IMessageBus
{
    /// <inheritdoc/>
    public bool QueueMessage(IMessageSinkMessage message)
    {
        // xUnit says so in the execution context in which it then runs the test.
        if (message is ITestStarting)
            TestEnclaves.Begin();
        return inner.QueueMessage(message is ITestFailed failed ? WithConsole(failed) : message);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The inner bus belongs to whoever made it.
    }

    private TestFailed WithConsole(ITestFailed failed)
    {
        ITestMethod method = failed.TestMethod;
        Type type = method.TestClass.Class.ToRuntimeType();
        var name = new TestName(type.Name, method.Method.Name, failed.TestCase.TestMethodArguments);
        string report = FailureOutput.For(constructorArguments.OfType<EnclaveFixture>().Select(fixture => fixture.EnclaveOrNull), name).Text;
        string output = string.Join('\n', ((string[])[failed.Output, report]).Where(text => !string.IsNullOrEmpty(text)));
        return new TestFailed(failed.Test, failed.ExecutionTime, output, failed.ExceptionTypes, failed.Messages, failed.StackTraces, failed.ExceptionParentIndices);
    }
}
