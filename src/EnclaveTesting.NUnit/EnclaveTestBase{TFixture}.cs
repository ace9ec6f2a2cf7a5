using NUnit.Framework;
using NUnit.Framework.Interfaces;

namespace EnclaveTesting.NUnit;

/// <summary>
/// A test class that shares an enclave with others of its namespace or assembly. When a test fails, its output shows the enclave's console
/// and names the files that were written about it.
/// </summary>
/// <typeparam name="TFixture">The namespace's or assembly's fixture, a class with <see cref="SetUpFixtureAttribute"/>.</typeparam>
[ReportsEnclaves]
public abstract class EnclaveTestBase<TFixture> : ISharesEnclave
    where TFixture : EnclaveFixture
{
    EnclaveFixture? ISharesEnclave.Fixture => FixtureOrNull;

    /// <summary>The fixture with the enclave.</summary>
    /// <exception cref="InvalidOperationException">The fixture is not one of this class's namespace, those around it or the assembly.</exception>
    protected TFixture Enclave => FixtureOrNull ?? throw new InvalidOperationException(
        $"{typeof(TFixture).Name} has not been started for {GetType().Name}: it needs the attribute [SetUpFixture], and a namespace that is the test class's own or around it, or none.");

    private static TFixture? FixtureOrNull
    {
        get
        {
            // NUnit keeps the objects of the set-up fixtures around a test, the nearest first.
            for (ITest? test = TestContext.CurrentContext.Test.Parent; test is not null; test = test.Parent)
            {
                if (test.Fixture is TFixture fixture)
                    return fixture;
            }

            return null;
        }
    }
}
