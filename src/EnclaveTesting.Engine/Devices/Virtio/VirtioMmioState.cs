using EnclaveTesting.Engine.State;

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

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        Status = archive.Value(Status);
        InterruptStatus = archive.Value(InterruptStatus);
        DeviceFeaturesSelect = archive.Value(DeviceFeaturesSelect);
        DriverFeaturesSelect = archive.Value(DriverFeaturesSelect);
        DriverFeatures = archive.Value(DriverFeatures);
        QueueSelect = archive.Value(QueueSelect);
    }
}
