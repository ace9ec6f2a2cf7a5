using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>One 8259A as it is saved.</summary>
internal sealed record Pic8259State
{
    /// <summary>Interrupt requests.</summary>
    public byte Requested { get; set; }

    public byte InService { get; set; }

    public byte Mask { get; set; }

    /// <summary>The levels of the inputs.</summary>
    public byte Levels { get; set; }

    /// <summary>Which inputs are level-triggered (ports 0x4d0 and 0x4d1).</summary>
    public byte LevelTriggered { get; set; }

    /// <summary>The vector of input 0.</summary>
    public byte VectorBase { get; set; }

    /// <summary>Which initialisation command word comes next: 2, 3 or 4; 0 if none is awaited.</summary>
    public byte NextInitialization { get; set; }

    /// <summary>The input with the lowest priority.</summary>
    public byte Lowest { get; set; } = 7;

    public bool WantsFourthWord { get; set; }

    public bool IsSingle { get; set; }

    public bool AutomaticEnd { get; set; }

    public bool RotateOnAutomaticEnd { get; set; }

    public bool SpecialMask { get; set; }

    public bool SpecialFullyNested { get; set; }

    /// <summary>Whether the next read is a poll.</summary>
    public bool Poll { get; set; }

    /// <summary>Whether the command port reads as ISR, else as IRR.</summary>
    public bool ReadInService { get; set; }

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        Requested = archive.Value(Requested);
        InService = archive.Value(InService);
        Mask = archive.Value(Mask);
        Levels = archive.Value(Levels);
        LevelTriggered = archive.Value(LevelTriggered);
        VectorBase = archive.Value(VectorBase);
        archive.Require((VectorBase & 7) == 0, "a vector base that is a multiple of 8", $"{VectorBase}");
        NextInitialization = archive.Within(NextInitialization, (byte)0, (byte)4);
        Lowest = archive.Within(Lowest, (byte)0, (byte)7);
        WantsFourthWord = archive.Flag(WantsFourthWord);
        IsSingle = archive.Flag(IsSingle);
        AutomaticEnd = archive.Flag(AutomaticEnd);
        RotateOnAutomaticEnd = archive.Flag(RotateOnAutomaticEnd);
        SpecialMask = archive.Flag(SpecialMask);
        SpecialFullyNested = archive.Flag(SpecialFullyNested);
        Poll = archive.Flag(Poll);
        ReadInService = archive.Flag(ReadInService);
    }
}
