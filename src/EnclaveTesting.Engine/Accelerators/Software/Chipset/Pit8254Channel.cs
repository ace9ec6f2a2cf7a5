namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>One counter of an 8254 (Intel 8254 data sheet); its count follows from the time, nothing ticks.</summary>
internal sealed class Pit8254Channel(MachineClock clock)
{
    /// <summary>Ticks in a second.</summary>
    public const ulong Frequency = 1_193_182;

    private const ulong NanosecondsPerSecond = 1_000_000_000;
    private const int BinaryRange = 0x10000, DecimalRange = 10000;
    private const int OutputBit = 7, NullCountBit = 6, AccessShift = 4, ModeShift = 1;

    public Pit8254ChannelState State { get; } = new();

    /// <summary>The output pin.</summary>
    public bool Output
    {
        get
        {
            ulong counted = Counted, reload = (ulong)State.Reload;
            return State.Mode switch
            {
                0 => reload != 0 && counted >= reload && State.WrittenLow < 0,
                1 => !State.IsCounting || counted >= reload,
                2 => !State.IsCounting || counted % reload != reload - 1,
                3 => !State.IsCounting || counted % reload < (reload + 1) / 2,
                _ => !State.IsCounting || counted != reload,
            };
        }
    }

    /// <summary>When the output rises next, or <see cref="MachineClock.Never"/>.</summary>
    public ulong NextRise
    {
        get
        {
            if (!State.IsCounting)
                return MachineClock.Never;
            ulong counted = Counted, reload = (ulong)State.Reload;
            if (IsPeriodic)
                return TimeOf(((counted / reload) + 1) * reload);
            return counted < reload ? TimeOf(reload) : MachineClock.Never;
        }
    }

    private bool IsPeriodic => State.Mode is 2 or 3;

    // A rising gate starts these; the others count while it is high.
    private bool IsTriggered => State.Mode is 1 or 5;

    private ulong Counted => State.CountedBefore + (State.IsCounting ? ToTicks(clock.Now - State.Start) : 0);

    /// <summary>A control word for this counter, other than a latch command.</summary>
    public void SetMode(byte access, byte mode, bool bcd)
    {
        State.Access = access;
        State.Mode = mode > 5 ? (byte)(mode & 3) : mode;
        State.IsBcd = bcd;
        State.Reload = 0;
        State.WrittenLow = State.LatchedCount = State.LatchedStatus = -1;
        State.ReadHighNext = false;
        Stop();
    }

    /// <summary>Holds the count until it is read.</summary>
    public void LatchCount()
    {
        if (State.LatchedCount < 0)
            State.LatchedCount = Count();
    }

    /// <summary>Holds the status until it is read.</summary>
    public void LatchStatus()
    {
        if (State.LatchedStatus >= 0)
            return;
        State.LatchedStatus = (Output ? 1 << OutputBit : 0) | (State.Reload == 0 ? 1 << NullCountBit : 0)
            | (State.Access << AccessShift) | (State.Mode << ModeShift) | (State.IsBcd ? 1 : 0);
    }

    public byte Read()
    {
        if (State.LatchedStatus >= 0)
        {
            byte status = (byte)State.LatchedStatus;
            State.LatchedStatus = -1;
            return status;
        }

        int count = State.LatchedCount >= 0 ? State.LatchedCount : Count();
        bool high = State.Access == 2 || (State.Access == 3 && State.ReadHighNext);
        if (State.Access == 3)
            State.ReadHighNext = !State.ReadHighNext;
        if (!State.ReadHighNext)
            State.LatchedCount = -1;
        return (byte)(high ? count >> 8 : count);
    }

    public void Write(byte value)
    {
        switch (State.Access)
        {
            case 1:
                Load(value);
                break;
            case 2:
                Load(value << 8);
                break;
            case 3 when State.WrittenLow < 0:
                State.WrittenLow = value;
                // In mode 0 the first byte stops the count.
                if (State.Mode == 0)
                    Stop();
                break;
            case 3:
                int low = State.WrittenLow;
                State.WrittenLow = -1;
                Load(low | (value << 8));
                break;
        }
    }

    /// <summary>Drives the gate.</summary>
    public void SetGate(bool high)
    {
        if (high == State.Gate)
            return;
        State.Gate = high;
        if (State.Reload == 0)
            return;
        if (high)
        {
            if (IsTriggered || IsPeriodic)
                State.CountedBefore = 0;
            Begin();
        }
        else if (!IsTriggered)
        {
            State.CountedBefore = Counted;
            State.IsCounting = false;
        }
    }

    private static ulong ToTicks(ulong nanoseconds) => (ulong)((UInt128)nanoseconds * Frequency / NanosecondsPerSecond);

    private ulong TimeOf(ulong ticks)
    {
        UInt128 left = ticks - State.CountedBefore;
        return State.Start + (ulong)(((left * NanosecondsPerSecond) + Frequency - 1) / Frequency);
    }

    private void Load(int raw)
    {
        int range = State.IsBcd ? DecimalRange : BinaryRange;
        int count = State.IsBcd ? FromBcd(raw) : raw;
        State.Reload = count == 0 ? range : count;
        if (IsTriggered)
            return;
        State.CountedBefore = 0;
        if (State.Gate)
            Begin();
    }

    private void Begin()
    {
        State.Start = clock.Now;
        State.IsCounting = true;
    }

    private void Stop()
    {
        State.IsCounting = false;
        State.CountedBefore = 0;
    }

    private int Count()
    {
        if (State.Reload == 0)
            return 0;
        ulong counted = Counted, reload = (ulong)State.Reload;
        int range = State.IsBcd ? DecimalRange : BinaryRange;
        long count = State.Mode switch
        {
            2 => (long)(reload - (counted % reload)),
            3 => (long)(reload - (counted * 2 % reload)),
            // Goes on past zero from the top of the range.
            _ => ((long)reload - (long)(counted % (ulong)range) + range) % range,
        };
        return State.IsBcd ? ToBcd((int)count % DecimalRange) : (int)count & 0xFFFF;
    }

    private static int FromBcd(int bcd) => ((bcd >> 12 & 0xF) * 1000) + ((bcd >> 8 & 0xF) * 100) + ((bcd >> 4 & 0xF) * 10) + (bcd & 0xF);

    private static int ToBcd(int value) => (value / 1000 << 12) | (value / 100 % 10 << 8) | (value / 10 % 10 << 4) | (value % 10);
}
