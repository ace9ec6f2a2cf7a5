using System.Reflection;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Tests.Accelerators;
using Xunit.Sdk;

namespace EnclaveTesting.Engine.Tests.Machine;

/// <summary>A row of a theory, led by <see cref="Accelerator.Kvm"/>; skipped with the reason where there is no KVM.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class OnKvmAttribute : DataAttribute
{
    private readonly object[] _arguments;

    public OnKvmAttribute(params object[] arguments)
    {
        _arguments = arguments;
        Skip = KvmFactAttribute.WhyNot;
    }

    /// <summary>Whether the guest needs a KVM that runs real code; the row is skipped on one that only emulates.</summary>
    public bool RealCode
    {
        get;
        set
        {
            field = value;
            if (value && Skip is null && !KvmFactAttribute.Probe.Works)
                Skip = KvmFactAttribute.Probe.Finding;
        }
    }

    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [[Accelerator.Kvm, .. _arguments]];
}
