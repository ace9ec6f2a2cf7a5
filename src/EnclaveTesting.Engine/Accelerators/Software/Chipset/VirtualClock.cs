using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>
/// Time that depends on the guest alone: one nanosecond for each instruction of any CPU, and where all CPUs wait it jumps to
/// the next deadline. Two runs that get the same from outside see the same times.
/// </summary>
/// <param name="retired">How many instructions all CPUs together have run.</param>
internal sealed class VirtualClock(Func<long> retired) : MachineClock
{
    // A guest may ask for a timer every nanosecond; it still has to get somewhere.
    private const long SmallestBudget = 64;

    private ulong _skipped, _last;

    /// <inheritdoc/>
    public override ulong Now
    {
        get
        {
            // A CPU counts a block of instructions when it enters it and takes back what a fault has kept from running.
            _last = Math.Max(_last, (ulong)retired() + _skipped);
            return _last;
        }
    }

    /// <inheritdoc/>
    public override long Budget(long quantum)
    {
        ulong now = Now;
        ulong left = NextDeadline > now ? NextDeadline - now : 0;
        return Math.Clamp((long)Math.Min(left, long.MaxValue), SmallestBudget, quantum);
    }

    /// <inheritdoc/>
    public override void Idle(ManualResetEventSlim signal)
    {
        if (NextDeadline == Never)
        {
            signal.Wait();
            return;
        }

        ulong now = Now;
        if (NextDeadline > now)
            _skipped += NextDeadline - now;
    }

    /// <inheritdoc/>
    public override void Exchange(StateArchive archive, TimeProvider timeOfDay)
    {
        base.Exchange(archive, timeOfDay);
        _skipped = archive.Value(_skipped);
        _last = archive.Value(_last);
    }
}
