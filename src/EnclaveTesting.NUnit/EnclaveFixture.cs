using NUnit.Framework;

namespace EnclaveTesting.NUnit;

/// <summary>
/// Boots one enclave for all test classes of a namespace, or of the assembly if it stands in no namespace, and stops it after the last test.
/// Derive from it, put <see cref="SetUpFixtureAttribute"/> on the class, say in <see cref="EnclaveFixtureBase.Configure"/> what to run; test
/// classes get it by deriving from <see cref="EnclaveTestBase{TFixture}"/>. For an enclave of its own a test class derives from
/// <see cref="EnclaveTestBase"/>.
/// </summary>
public abstract class EnclaveFixture : EnclaveFixtureBase
{
    /// <summary>Builds the enclave and boots it. Override to do something before or after.</summary>
    [OneTimeSetUp]
    public virtual Task InitializeAsync() => StartEnclaveAsync();

    /// <summary>Stops the enclave.</summary>
    [OneTimeTearDown]
    public virtual async Task DisposeAsync() => await StopEnclaveAsync().ConfigureAwait(false);
}
