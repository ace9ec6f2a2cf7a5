using System.Collections.Concurrent;

namespace EnclaveTesting;

/// <summary>
/// The enclaves that the running test starts itself, besides those of fixtures: its output shows them when it fails. They follow the test
/// wherever its code goes, as its execution context does, so tests side by side do not see each other's.
/// </summary>
internal sealed class TestEnclaves
{
    private static readonly AsyncLocal<TestEnclaves?> OfThisTest = new();

    private readonly ConcurrentQueue<Enclave> _started = new();

    /// <summary>Those of this test so far.</summary>
    public static IEnumerable<Enclave> Started => OfThisTest.Value?._started ?? [];

    /// <summary>An adapter calls it before the test runs, in the test's execution context.</summary>
    public static void Begin() => OfThisTest.Value = new TestEnclaves();

    /// <summary>Notes an enclave, if a test is running.</summary>
    public static void Add(Enclave enclave) => OfThisTest.Value?._started.Enqueue(enclave);
}
