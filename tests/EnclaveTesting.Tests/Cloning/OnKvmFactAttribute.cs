using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Tests.Cloning;

/// <summary>Needs KVM. Not EnclaveFact, which keeps what a test has started until the test is over, for its report.</summary>
internal sealed class OnKvmFactAttribute : FactAttribute
{
    public OnKvmFactAttribute() => Skip = Requirement.WhyNot(Accelerator.Kvm);
}
