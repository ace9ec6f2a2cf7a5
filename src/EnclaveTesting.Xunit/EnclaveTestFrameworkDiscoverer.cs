using Xunit.Abstractions;
using Xunit.Sdk;

namespace EnclaveTesting.Xunit;

/// <summary>Tells xUnit what runs the tests of an assembly with <see cref="AssemblyFixtureAttribute"/>.</summary>
internal sealed class EnclaveTestFrameworkDiscoverer : ITestFrameworkTypeDiscoverer
{
    /// <inheritdoc/>
    public Type GetTestFrameworkType(IAttributeInfo attribute) => typeof(EnclaveTestFramework);
}
