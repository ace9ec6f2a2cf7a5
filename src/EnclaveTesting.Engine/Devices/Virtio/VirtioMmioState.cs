namespace EnclaveTesting.Engine.Devices.Virtio;

/// <summary>The registers of a virtio-mmio transport as they are saved.</summary>
internal sealed record VirtioMmioState
{
    public uint Status { get; set; }

    public uint InterruptStatus { get; set; }

    public uint DeviceFeaturesSelect { get; set; }

    public uint DriverFeaturesSelect { get; set; }

    public ulong DriverFeatures { get; set; }

    public uint QueueSelect { get; set; }
}
