namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>KVM_CAP_* of linux/kvm.h.</summary>
internal static class KvmCapability
{
    public const int Irqchip = 0, UserMemory = 3, ExtCpuid = 7, MpState = 14, Irqfd = 32, Pit2 = 33, Ioeventfd = 36;
    public const int TscDeadlineTimer = 72, ImmediateExit = 136;
    public const int SetGuestDebug = 23, X86UserSpaceMsr = 188, X86MsrFilter = 189, ExitOnEmulationFailure = 204, Xsave2 = 208;

    /// <summary>What a machine here cannot do without, with the name that documentation uses.</summary>
    public static readonly (int Number, string Name)[] Required =
    [
        (Irqchip, "KVM_CAP_IRQCHIP"), (UserMemory, "KVM_CAP_USER_MEMORY"), (ExtCpuid, "KVM_CAP_EXT_CPUID"),
        (MpState, "KVM_CAP_MP_STATE"), (Irqfd, "KVM_CAP_IRQFD"), (Pit2, "KVM_CAP_PIT2"),
        (Ioeventfd, "KVM_CAP_IOEVENTFD"), (ImmediateExit, "KVM_CAP_IMMEDIATE_EXIT"),
    ];
}
