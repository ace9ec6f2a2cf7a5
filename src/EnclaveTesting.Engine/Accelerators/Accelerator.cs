namespace EnclaveTesting.Engine.Accelerators;

/// <summary>What executes the guest's instructions.</summary>
public enum Accelerator
{
    /// <summary>KVM where a probe guest proves that it runs real code, else the software CPU.</summary>
    Auto,

    /// <summary>Linux KVM through <c>/dev/kvm</c>.</summary>
    Kvm,

    /// <summary>The software CPU, on any host.</summary>
    Software,
}
