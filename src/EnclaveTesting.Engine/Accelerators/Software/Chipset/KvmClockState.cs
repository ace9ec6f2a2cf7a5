using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>KVM's clock registers as they are saved.</summary>
internal sealed record KvmClockState
{
    /// <summary>MSR_KVM_WALL_CLOCK.</summary>
    public ulong WallClock { get; set; }

    /// <summary>MSR_KVM_SYSTEM_TIME of each CPU.</summary>
    public required ulong[] SystemTime { get; set; }

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        WallClock = archive.Value(WallClock);
        archive.Fixed(SystemTime.AsSpan());
    }
}
