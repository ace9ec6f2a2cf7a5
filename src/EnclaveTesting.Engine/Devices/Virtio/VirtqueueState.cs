using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices.Virtio;

/// <summary>A split virtqueue as it is saved.</summary>
internal sealed record VirtqueueState
{
    public ushort Size { get; set; }

    public bool Ready { get; set; }

    public GuestAddress DescriptorTable { get; set; }

    public GuestAddress AvailableRing { get; set; }

    public GuestAddress UsedRing { get; set; }

    /// <summary>The available index up to which chains were taken.</summary>
    public ushort NextAvailable { get; set; }

    /// <summary>The used index up to which chains were given back.</summary>
    public ushort NextUsed { get; set; }

    /// <summary>The used index at the last decision about an interrupt.</summary>
    public ushort DecidedUsed { get; set; }

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        Size = archive.Value(Size);
        Ready = archive.Flag(Ready);
        DescriptorTable = archive.Value(DescriptorTable);
        AvailableRing = archive.Value(AvailableRing);
        UsedRing = archive.Value(UsedRing);
        NextAvailable = archive.Value(NextAvailable);
        NextUsed = archive.Value(NextUsed);
        DecidedUsed = archive.Value(DecidedUsed);
    }
}
