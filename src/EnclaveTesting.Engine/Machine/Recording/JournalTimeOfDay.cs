namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>A clock of the test's own whose readings are part of the recording.</summary>
internal sealed class JournalTimeOfDay(MachineJournal journal, TimeProvider live) : TimeProvider
{
    private readonly Func<long> _live = () => live.GetUtcNow().UtcTicks;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => new(Math.Clamp(journal.TimeOfDay(_live), 0, DateTimeOffset.MaxValue.Ticks), TimeSpan.Zero);
}
