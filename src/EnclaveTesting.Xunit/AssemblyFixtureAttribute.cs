using Xunit.Sdk;

namespace EnclaveTesting.Xunit;

/// <summary>
/// Makes one fixture for all test classes of the assembly that take it as a constructor parameter, in whatever collections they are, as
/// xUnit 3's attribute of the same name does. xUnit 2 knows no such fixtures: the attribute puts a test framework of this
/// package in place of xUnit's. The fixture is made when the first collection runs and disposed after the last.
/// </summary>
/// <param name="fixtureType">The fixture, with a constructor without parameters.</param>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
[TestFrameworkDiscoverer("EnclaveTesting.Xunit.EnclaveTestFrameworkDiscoverer", "EnclaveTesting.Xunit")]
public sealed class AssemblyFixtureAttribute(Type fixtureType) : Attribute, ITestFrameworkAttribute
{
    /// <summary>The fixture.</summary>
    internal Type FixtureType { get; } = fixtureType;
}
