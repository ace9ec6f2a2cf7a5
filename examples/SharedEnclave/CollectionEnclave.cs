namespace SharedEnclave;

/// <summary>Boots once for the test classes of a collection, which run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class CollectionEnclave : EnclaveFixture, ICollectionFixture<CollectionEnclave>
{
    public const string Name = "one after the other";

    private static int _boots;

    /// <summary>How often this fixture was booted in the process.</summary>
    public static int Boots => _boots;

    protected override EnclaveBuilder Configure(EnclaveBuilder enclave)
    {
        Interlocked.Increment(ref _boots);
        return enclave.WithImage("hello.eif").WaitFor(Wait.ForPort(5001));
    }
}
