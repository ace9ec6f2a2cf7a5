using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>
/// A machine's time: nanoseconds since it was built, which is also its time-stamp counter (1 GHz), and the deadlines of its
/// devices. Used on the machine's thread only.
/// </summary>
internal abstract class MachineClock
{
    /// <summary>The deadline of a timer that is not armed.</summary>
    public const ulong Never = ulong.MaxValue;

    private readonly List<MachineTimer> _timers = [];

    /// <summary>The time now; never runs backwards.</summary>
    public abstract ulong Now { get; }

    /// <summary>The earliest deadline, or <see cref="Never"/>.</summary>
    public ulong NextDeadline { get; private set; } = Never;

    /// <summary>Called when a deadline was set that lies before all others: whoever runs instructions should look again.</summary>
    public Action? DeadlineMovedForward { get; set; }

    /// <summary>Adds a timer, not armed.</summary>
    public MachineTimer AddTimer(Action expired)
    {
        var timer = new MachineTimer(this, expired);
        _timers.Add(timer);
        return timer;
    }

    /// <summary>Lets every timer expire whose deadline has come; false if there was none.</summary>
    public bool RunDue()
    {
        if (NextDeadline == Never)
            return false;
        ulong now = Now;
        if (NextDeadline > now)
            return false;
        // Each timer once, so that one which is always late cannot hold up the machine.
        foreach (MachineTimer timer in _timers)
        {
            if (timer.Deadline <= now)
                timer.Expire();
        }

        NextDeadline = FindNext();
        return true;
    }

    /// <summary>How many instructions to run before looking at the deadlines again, at most <paramref name="quantum"/>.</summary>
    public abstract long Budget(long quantum);

    /// <summary>Saves the time or goes on from a saved one; the timers' deadlines come from their devices.</summary>
    /// <param name="archive">The archive.</param>
    /// <param name="timeOfDay">The time of day that the guest is told.</param>
    public virtual void Exchange(StateArchive archive, TimeProvider timeOfDay)
    {
        // May lie before all deadlines; then the next turn ends there, as it would have.
        NextDeadline = archive.Value(NextDeadline);
    }

    /// <summary>For <see cref="MachineTimer"/>.</summary>
    public void DeadlineChanged(ulong deadline)
    {
        // A timer that moved back may leave this too early, which costs one needless turn; then it is right again.
        if (deadline >= NextDeadline)
            return;
        NextDeadline = deadline;
        DeadlineMovedForward?.Invoke();
    }

    private ulong FindNext()
    {
        ulong next = Never;
        foreach (MachineTimer timer in _timers)
            next = Math.Min(next, timer.Deadline);
        return next;
    }
}
