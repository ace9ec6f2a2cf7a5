using EnclaveTesting.Engine.Accelerators.Software.Chipset;

namespace EnclaveTesting.Engine.Tests.Software.Chipset;

/// <summary>A machine's clock that a test moves.</summary>
internal sealed class ManualClock : MachineClock
{
    private ulong _now;

    public override ulong Now => _now;

    public override long Budget(long quantum) => quantum;

    /// <summary>Moves on, stopping at each deadline on the way.</summary>
    public void Advance(ulong nanoseconds) => AdvanceTo(_now + nanoseconds);

    /// <summary>Moves on in one leap, as when the host did not run the machine for a while.</summary>
    public void Leap(ulong nanoseconds)
    {
        _now += nanoseconds;
        RunDue();
    }

    public void AdvanceTo(ulong time)
    {
        while (NextDeadline <= time)
        {
            _now = Math.Max(_now, NextDeadline);
            RunDue();
        }

        _now = time;
    }
}
