namespace EnclaveTesting.Engine.Memory;

/// <summary>
/// The guest-physical address map, the same on every accelerator:
/// RAM from 0 up to at most 3 GiB, devices below 4 GiB, the rest of RAM from 4 GiB up.
/// </summary>
internal static class MemoryLayout
{
    /// <summary>Guest memory is sized in these units.</summary>
    public const ulong PageSize = 4096;

    /// <summary>End of conventional memory that a kernel may use; the MP table lies in the page above it.</summary>
    public const ulong MpTable = 0x9FC00;

    /// <summary>Start of the legacy video and ROM hole.</summary>
    public const ulong LegacyHoleStart = 0xA0000;

    /// <summary>ACPI's RSDP is searched from here up to <see cref="HighMemoryStart"/>.</summary>
    public const ulong BiosAreaStart = 0xE0000;

    /// <summary>The generation id, on a page of its own: clones write it.</summary>
    public const ulong GenerationId = 0xF_F000;

    /// <summary>RAM above the first mebibyte.</summary>
    public const ulong HighMemoryStart = 0x10_0000;

    /// <summary>RAM never reaches above this address below 4 GiB.</summary>
    public const ulong DeviceHoleStart = 0xC000_0000;

    /// <summary>The first virtio-mmio window; device n has its window at this plus n times <see cref="VirtioMmioStride"/>.</summary>
    public const ulong VirtioMmioStart = 0xD000_0000;

    /// <summary>Size of one virtio-mmio window.</summary>
    public const ulong VirtioMmioStride = 0x1000;

    /// <summary>The GSI of the first virtio-mmio device; device n has this plus n.</summary>
    public const uint VirtioMmioFirstGsi = 5;

    /// <summary>The I/O APIC's registers.</summary>
    public const ulong IoApic = 0xFEC0_0000;

    /// <summary>The local APIC's registers after reset.</summary>
    public const ulong LocalApic = 0xFEE0_0000;

    /// <summary>Three pages KVM needs on Intel hosts for its real-mode TSS (KVM_SET_TSS_ADDR); never RAM.</summary>
    public const ulong KvmTss = 0xFFFB_D000;

    /// <summary>One page KVM needs on Intel hosts for its identity map (KVM_SET_IDENTITY_MAP_ADDR); never RAM.</summary>
    public const ulong KvmIdentityMap = 0xFFFB_C000;

    /// <summary>RAM that does not fit below <see cref="DeviceHoleStart"/> continues here.</summary>
    public const ulong FourGiB = 0x1_0000_0000;
}
