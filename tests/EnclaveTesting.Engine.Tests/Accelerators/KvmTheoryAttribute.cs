namespace EnclaveTesting.Engine.Tests.Accelerators;

/// <summary>As <see cref="KvmFactAttribute"/>, for theories.</summary>
public sealed class KvmTheoryAttribute : TheoryAttribute
{
    public KvmTheoryAttribute() => Skip = KvmFactAttribute.WhyNot;
}
