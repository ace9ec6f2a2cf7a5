using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices;

/// <summary>The real-time clock's memory as it is saved.</summary>
internal sealed record CmosRtcState
{
    public byte Index { get; set; }

    /// <summary>The time that the clock registers show, in ticks of 100 ns of UTC.</summary>
    public long LatchedTicks { get; set; }

    public byte[] Memory { get; set; } = new byte[128];

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        Index = archive.Within(Index, (byte)0, (byte)127);
        LatchedTicks = archive.Within(LatchedTicks, 0, DateTime.MaxValue.Ticks);
        archive.Fixed(Memory.AsSpan());
    }
}
