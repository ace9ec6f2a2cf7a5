using EnclaveTesting.Engine.Accelerators;
using Xunit;
using Xunit.Sdk;

namespace EnclaveTesting.Xunit;

/// <summary>
/// A test with an enclave: when it fails, its output shows the console of the <see cref="EnclaveFixture"/>s that the class's constructor takes.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("EnclaveTesting.Xunit.EnclaveFactDiscoverer", "EnclaveTesting.Xunit")]
public sealed class EnclaveFactAttribute : FactAttribute
{
    /// <summary>The accelerator without which the test makes no sense: where it cannot run, the test is skipped with the reason.</summary>
    public Accelerator Requires { get; set; }

    /// <summary>Which enclave the fixtures show while the test runs.</summary>
    public Isolation Isolation { get; set; }

    /// <inheritdoc/>
    public override string? Skip
    {
        get => base.Skip ?? Requirement.WhyNot(Requires);
        set => base.Skip = value;
    }
}
