using System.Diagnostics;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>Time that follows the host's monotonic clock.</summary>
internal sealed class HostClock : MachineClock
{
    private const ulong NanosecondsPerMillisecond = 1_000_000, NanosecondsPerSecond = 1_000_000_000;

    // Waits are in whole milliseconds; what is nearer than this is not worth sleeping for.
    private const ulong ShortestSleep = 200_000;

    private static readonly ulong Frequency = (ulong)Stopwatch.Frequency;

    private readonly ulong _start = (ulong)Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    public override ulong Now
    {
        get
        {
            ulong ticks = (ulong)Stopwatch.GetTimestamp() - _start;
            return Frequency == NanosecondsPerSecond
                ? ticks
                : (ticks / Frequency * NanosecondsPerSecond) + (ticks % Frequency * NanosecondsPerSecond / Frequency);
        }
    }

    /// <inheritdoc/>
    public override long Budget(long quantum) => quantum;

    /// <inheritdoc/>
    public override void Idle(ManualResetEventSlim signal)
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
}
