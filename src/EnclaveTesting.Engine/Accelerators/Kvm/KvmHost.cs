using System.Runtime.Versioning;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>What KVM says of the host, which does not change while a process runs: asked once, since it takes as long as making a machine.</summary>
[SupportedOSPlatform("linux")]
internal static class KvmHost
{
    // Publication only: a failure is not remembered.
    private static readonly Lazy<KvmCpuidTable> SupportedCpuid = new(() => Ask(KvmCpuid.Supported), LazyThreadSafetyMode.PublicationOnly);
    private static readonly Lazy<uint[]> SavedMsrs = new(() => Ask(KvmStateTransfer.ListMsrs), LazyThreadSafetyMode.PublicationOnly);

    /// <summary>The CPUID that KVM supports.</summary>
    /// <exception cref="KvmException">KVM does not answer.</exception>
    public static KvmCpuidTable Cpuid => SupportedCpuid.Value;

    /// <summary>The model-specific registers to save; see <see cref="KvmStateTransfer.ListMsrs"/>.</summary>
    /// <exception cref="KvmException">KVM does not answer.</exception>
    public static uint[] Msrs => SavedMsrs.Value;

    private static T Ask<T>(Func<FileDescriptor, T> question)
    {
        using FileDescriptor kvm = new KvmAccelerator().Open();
        return question(kvm);
    }
}
