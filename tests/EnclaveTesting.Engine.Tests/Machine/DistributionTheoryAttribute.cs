namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>A test that boots what guest/distribution/fetch.sh has fetched; skipped where nobody has.</summary>
public sealed class DistributionTheoryAttribute : TheoryAttribute
{
    public DistributionTheoryAttribute() => Skip = Distribution.WhyNot;
}
