using System.Diagnostics;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>Time that follows the host's monotonic clock.</summary>
internal sealed class HostClock : MachineClock
{
    private const ulong NanosecondsPerMillisecond = 1_000_000, NanosecondsPerSecond = 1_000_000_000;

    // A century.
    private const ulong LongestLife = 100UL * 365 * 86_400 * NanosecondsPerSecond;

    // Waits are in whole milliseconds; what is nearer than this is not worth sleeping for.
    private const ulong ShortestSleep = 200_000;

    private static readonly ulong Frequency = (ulong)Stopwatch.Frequency;

    private ulong _start = (ulong)Stopwatch.GetTimestamp();
    private ulong _before;

    /// <inheritdoc/>
    public override ulong Now
    {
        get
        {
            ulong ticks = (ulong)Stopwatch.GetTimestamp() - _start;
            return _before + (Frequency == NanosecondsPerSecond
                ? ticks
                : (ticks / Frequency * NanosecondsPerSecond) + (ticks % Frequency * NanosecondsPerSecond / Frequency));
        }
    }

    /// <inheritdoc/>
    public override long Budget(long quantum) => quantum;

    /// <summary>
    /// Lets time pass while no CPU has anything to do: until the next deadline, or until the signal comes, or less. The signal
    /// is left as it is.
    /// </summary>
    public void Idle(ManualResetEventSlim signal)
    {
        ulong deadline = NextDeadline;
        if (deadline == Never)
        {
            signal.Wait();
            return;
        }

        ulong now = Now;
        if (deadline <= now)
            return;
        ulong left = deadline - now;
        if (left >= ShortestSleep)
            signal.Wait((int)Math.Clamp(left / NanosecondsPerMillisecond, 1, int.MaxValue));
        else
            Thread.Yield();
    }

    /// <inheritdoc/>
    /// <remarks>The time for which the machine lay saved has passed for it too: so its time of day is right, as after a suspend.</remarks>
    public override void Exchange(StateArchive archive, TimeProvider timeOfDay)
    {
        base.Exchange(archive, timeOfDay);
        ulong now = archive.Within(Now, 0UL, LongestLife);
        long today = timeOfDay.GetUtcNow().UtcTicks;
        long saved = archive.Within(today, 0, DateTime.MaxValue.Ticks);
        if (!archive.IsReading)
            return;
        // A clock that was set back has not turned the machine's back.
        ulong passed = (ulong)Math.Max(today - saved, 0) * TimeSpan.NanosecondsPerTick;
        _start = (ulong)Stopwatch.GetTimestamp();
        _before = now + Math.Min(passed, LongestLife);
    }
}
