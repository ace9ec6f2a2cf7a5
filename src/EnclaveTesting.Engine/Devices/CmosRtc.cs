namespace EnclaveTesting.Engine.Devices;

/// <summary>
/// The real-time clock and its memory (Motorola MC146818), ports 0x70 and 0x71: the host's time in UTC, BCD, 24 hours. It cannot
/// be set and has no alarm. Reading the seconds latches the time, so that what is read after them belongs to them.
/// </summary>
internal sealed class CmosRtc(TimeProvider time) : IPortDevice
{
    public const ushort IndexPort = 0x70;

    public const int PortCount = 2;

    private const byte Seconds = 0, Minutes = 2, Hours = 4, DayOfWeek = 6, DayOfMonth = 7, Month = 8, Year = 9, Century = 0x32;
    private const byte RegisterA = 0xA, RegisterB = 0xB, RegisterC = 0xC, RegisterD = 0xD;
    private const byte Oscillating = 0x26, TwentyFourHours = 0x02, Valid = 0x80;

    public CmosRtcState State { get; } = new();

    /// <inheritdoc/>
    public byte ReadPort(ushort port)
    {
        if (port == IndexPort)
            return 0xFF;
        if (State.Index == Seconds || State.LatchedTicks == 0)
            State.LatchedTicks = time.GetUtcNow().UtcTicks;
        var now = new DateTime(State.LatchedTicks, DateTimeKind.Utc);
        return State.Index switch
        {
            Seconds => Bcd(now.Second),
            Minutes => Bcd(now.Minute),
            Hours => Bcd(now.Hour),
            DayOfWeek => Bcd((int)now.DayOfWeek + 1),
            DayOfMonth => Bcd(now.Day),
            Month => Bcd(now.Month),
            Year => Bcd(now.Year % 100),
            Century => Bcd(now.Year / 100),
            RegisterA => Oscillating,
            RegisterB => TwentyFourHours,
            RegisterC => 0,
            RegisterD => Valid,
            _ => State.Memory[State.Index],
        };
    }

    /// <inheritdoc/>
    public void WritePort(ushort port, byte value)
    {
        // Bit 7 of the index masks NMIs, of which there are none.
        if (port == IndexPort)
            State.Index = (byte)(value & 0x7F);
        else
            State.Memory[State.Index] = value;
    }

    private static byte Bcd(int value) => (byte)((value / 10 << 4) | (value % 10));
}
