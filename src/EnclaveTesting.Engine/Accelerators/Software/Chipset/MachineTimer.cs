using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>The one deadline of a device on its machine's clock. <see cref="MachineClock.AddTimer"/> makes them.</summary>
internal sealed class MachineTimer
{
    private readonly MachineClock _clock;
    private readonly Action _expired;

    public MachineTimer(MachineClock clock, Action expired)
    {
        _clock = clock;
        _expired = expired;
    }

    /// <summary>When the timer expires, in nanoseconds of the clock; <see cref="MachineClock.Never"/> if it is not armed.</summary>
    public ulong Deadline { get; private set; } = MachineClock.Never;

    /// <summary>Arms the timer, or disarms it with <see cref="MachineClock.Never"/>. A deadline that has passed expires at the clock's next turn.</summary>
    public void Set(ulong deadline)
    {
        Deadline = deadline;
        _clock.DeadlineChanged(deadline);
    }

    /// <summary>Saves the deadline or restores it.</summary>
    public void Exchange(StateArchive archive) => Set(archive.Value(Deadline));

    /// <summary>Disarms the timer, then tells its device, which may arm it again.</summary>
    public void Expire()
    {
        Deadline = MachineClock.Never;
        _expired();
    }
}
