using EnclaveTesting.Engine.Accelerators;
using Xunit;
using Xunit.Sdk;

namespace EnclaveTesting.Xunit;

/// <summary>A theory with an enclave: as <see cref="EnclaveFactAttribute"/>, once for each row of data.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("EnclaveTesting.Xunit.EnclaveTheoryDiscoverer", "EnclaveTesting.Xunit")]
public sealed class EnclaveTheoryAttribute : TheoryAttribute
{
    /// <summary>The accelerator without which the test makes no sense: where it cannot run, the test is skipped with the reason.</summary>
    public Accelerator Requires { get; set; }

    /// <summary>Which enclave the fixtures show while the test runs; rows of data that xUnit cannot list beforehand have one between them.</summary>
    public Isolation Isolation { get; set; }

    /// <inheritdoc/>
    public override string? Skip
    {
        get => base.Skip ?? Requirement.WhyNot(Requires);
        set => base.Skip = value;
    }
}
