namespace EnclaveTesting.Engine.Devices;

/// <summary>The real-time clock's memory as it is saved.</summary>
internal sealed record CmosRtcState
{
    public byte Index { get; set; }

    /// <summary>The time that the clock registers show, in ticks of 100 ns of UTC.</summary>
    public long LatchedTicks { get; set; }

    public byte[] Memory { get; set; } = new byte[128];
}
