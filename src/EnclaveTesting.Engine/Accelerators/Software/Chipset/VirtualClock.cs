using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>
/// Time that depends on the guest alone: one nanosecond for each instruction of any CPU, and what it is told to skip where all CPUs
/// wait. Two runs that get the same from outside see the same times.
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

    /// <summary>The time when the machine last asked for it. From any thread.</summary>
    public ulong LastSeen => Volatile.Read(ref _last);

    /// <summary>Lets time pass in which no CPU does anything.</summary>
    public void Skip(ulong nanoseconds) => _skipped += nanoseconds;

    /// <inheritdoc/>
    public override void Exchange(StateArchive archive, TimeProvider timeOfDay)
    {
        base.Exchange(archive, timeOfDay);
        _skipped = archive.Value(_skipped);
        _last = archive.Value(_last);
    }
}
