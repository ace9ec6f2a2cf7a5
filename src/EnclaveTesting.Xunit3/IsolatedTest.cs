using Xunit.v3;

namespace EnclaveTesting.Xunit;

/// <summary>Gives a test clones of its fixtures' enclaves. xUnit calls both methods in the test's execution context and waits for neither.</summary>
internal static class IsolatedTest
{
    private static readonly AsyncLocal<IsolatedEnclaves?> Clones = new();

    public static void Begin(IXunitTest test, Isolation isolation)
    {
        if (isolation != Isolation.PerTest)
            return;
        IsolatedEnclaves clones = CreateAsync(FailingTest.FixturesOf(test)).GetAwaiter().GetResult();
        Clones.Value = clones;
        clones.Enter();
    }

    private static Task<IsolatedEnclaves> CreateAsync(IReadOnlyList<EnclaveFixture> fixtures) => Task.Run(() => IsolatedEnclaves.CreateAsync(fixtures));

    public static void End(Isolation isolation)
    {
        if (isolation != Isolation.PerTest || Clones.Value is not { } clones)
            return;
        clones.Leave();
        Clones.Value = null;
        Task.Run(() => clones.DisposeAsync().AsTask()).GetAwaiter().GetResult();
    }
}
