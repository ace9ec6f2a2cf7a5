namespace EnclaveTesting.Engine.Machine;

/// <summary>The time of day of a machine in virtual time: the same beginning whenever it runs, and what has passed in the machine since.</summary>
/// <param name="now">The machine's time in nanoseconds.</param>
internal sealed class VirtualTimeOfDay(Func<ulong> now) : TimeProvider
{
    /// <summary>When such machines begin.</summary>
    public static readonly DateTimeOffset Beginning = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private const ulong NanosecondsPerTick = 100;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => Beginning.AddTicks((long)(now() / NanosecondsPerTick));
}
