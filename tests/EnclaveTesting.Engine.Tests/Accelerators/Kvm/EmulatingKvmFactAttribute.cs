namespace EnclaveTesting.Engine.Tests.Accelerators.Kvm;

/// <summary>A test of what only a KVM that emulates the guest's kernel does; skipped on one that runs real code, and where there is none.</summary>
public sealed class EmulatingKvmFactAttribute : FactAttribute
{
    public EmulatingKvmFactAttribute() =>
        Skip = KvmFactAttribute.WhyNot ?? (KvmFactAttribute.Probe.Works ? "This host's KVM runs the guest's kernel on the processor." : null);

    /// <summary>An environment variable without which the test is skipped: it takes minutes.</summary>
    public string? OnlyWith
    {
        get;
        set
        {
            field = value;
            if (value is not null && string.IsNullOrEmpty(Environment.GetEnvironmentVariable(value)))
                Skip ??= $"It takes minutes; set {value}=1 to run it.";
        }
    }
}
