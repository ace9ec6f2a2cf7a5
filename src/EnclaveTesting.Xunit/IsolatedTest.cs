using Xunit.Abstractions;
using Xunit.Sdk;

namespace EnclaveTesting.Xunit;

/// <summary>Runs a test case with the enclaves that its attribute asks for.</summary>
internal static class IsolatedTest
{
    public static async Task<RunSummary> RunAsync(
        ITestMethod method, IMessageBus messageBus, object[] constructorArguments, ExceptionAggregator aggregator, Func<IMessageBus, Task<RunSummary>> run)
    {
        using var bus = new ConsoleMessageBus(messageBus, constructorArguments);
        // EnclaveFact or EnclaveTheory; a case may also be made of a method that has neither.
        IAttributeInfo? attribute = method.Method.GetCustomAttributes(typeof(EnclaveFactAttribute)).Concat(method.Method.GetCustomAttributes(typeof(EnclaveTheoryAttribute))).FirstOrDefault();
        Isolation isolation = attribute?.GetNamedArgument<Isolation>(nameof(EnclaveFactAttribute.Isolation)) ?? Isolation.Shared;
        // A fixture that did not start fails the test without a clone.
        if (isolation != Isolation.PerTest || aggregator.HasExceptions)
            return await run(bus).ConfigureAwait(false);
        IsolatedEnclaves? clones = null;
        await aggregator.RunAsync(async () => clones = await IsolatedEnclaves.CreateAsync(constructorArguments.OfType<EnclaveFixture>()).ConfigureAwait(false)).ConfigureAwait(false);
        clones?.Enter();
        try
        {
            return await run(bus).ConfigureAwait(false);
        }
        finally
        {
            clones?.Leave();
            if (clones is not null)
                await clones.DisposeAsync().ConfigureAwait(false);
        }
    }
}
