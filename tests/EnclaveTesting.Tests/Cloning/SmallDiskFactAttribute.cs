namespace EnclaveTesting.Tests.Cloning;

/// <summary>A test with a <see cref="SmallDisk"/>; skipped where that cannot be.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute() => Skip = SmallDisk.WhyNot;
}
