using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>One counter of an 8254 as it is saved.</summary>
internal sealed record Pit8254ChannelState
{
    /// <summary>0 to 5.</summary>
    public byte Mode { get; set; }

    public bool IsBcd { get; set; }

    /// <summary>Which bytes are read and written: 1 low, 2 high, 3 low then high.</summary>
    public byte Access { get; set; } = 3;

    /// <summary>The count last loaded, 1 to 65536; 0 before the first.</summary>
    public int Reload { get; set; }

    public bool Gate { get; set; } = true;

    /// <summary>Whether the counter counts.</summary>
    public bool IsCounting { get; set; }

    /// <summary>When it began, in nanoseconds of the machine's clock.</summary>
    public ulong Start { get; set; }

    /// <summary>Ticks counted before <see cref="Start"/>.</summary>
    public ulong CountedBefore { get; set; }

    /// <summary>The low byte that was written and waits for its high byte, or -1.</summary>
    public int WrittenLow { get; set; } = -1;

    public bool ReadHighNext { get; set; }

    /// <summary>The count that a latch command holds, or -1.</summary>
    public int LatchedCount { get; set; } = -1;

    /// <summary>The status that a read-back command holds, or -1.</summary>
    public int LatchedStatus { get; set; } = -1;

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        Mode = archive.Within(Mode, (byte)0, (byte)5);
        IsBcd = archive.Flag(IsBcd);
        Access = archive.Within(Access, (byte)1, (byte)3);
        Reload = archive.Within(Reload, 0, 0x10000);
        Gate = archive.Flag(Gate);
        IsCounting = archive.Flag(IsCounting);
        archive.Require(!IsCounting || Reload > 0, "a count for a counter that counts", "0");
        Start = archive.Value(Start);
        CountedBefore = archive.Value(CountedBefore);
        WrittenLow = archive.Within(WrittenLow, -1, 0xFF);
        ReadHighNext = archive.Flag(ReadHighNext);
        LatchedCount = archive.Within(LatchedCount, -1, 0x10000);
        LatchedStatus = archive.Within(LatchedStatus, -1, 0xFF);
    }
}
