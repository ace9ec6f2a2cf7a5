using Xunit;

namespace EnclaveTesting.Xunit;

/// <summary>
/// Boots one enclave for a test class (<see cref="IClassFixture{TFixture}"/>), a collection (<see cref="ICollectionFixture{TFixture}"/>) or
/// an assembly (<see cref="AssemblyFixtureAttribute"/>), and stops it after the last test. Derive from it, say in
/// <see cref="EnclaveFixtureBase.Configure"/> what to run, and take it as a constructor parameter.
/// </summary>
public abstract class EnclaveFixture : EnclaveFixtureBase, IAsyncLifetime
{
    /// <summary>Builds the enclave and boots it. Override to do something before or after.</summary>
    public virtual Task InitializeAsync() => StartEnclaveAsync();

    /// <summary>Stops the enclave.</summary>
    public virtual async Task DisposeAsync()
    {
        await StopEnclaveAsync().ConfigureAwait(false);
        GC.SuppressFinalize(this);
    }
}
