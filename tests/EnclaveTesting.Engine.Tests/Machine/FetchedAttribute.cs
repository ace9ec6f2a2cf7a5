using System.Reflection;
using Xunit.Sdk;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>A row of a <see cref="DistributionTheoryAttribute"/>; skipped where the directory does not have what it names.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class FetchedAttribute(params object[] arguments) : DataAttribute
{
    /// <summary>The version of the kernel that it boots, unless that is the guest kit's.</summary>
    public string? Kernel { get; set; }

    /// <summary>The root file system that it boots, unless that is one of ours.</summary>
    public string? Userland { get; set; }

    public override string? Skip
    {
        get => base.Skip ?? Distribution.WhyNotKernel(Kernel) ?? Distribution.WhyNotUserland(Userland);
        set => base.Skip = value;
    }

    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [arguments];
}
