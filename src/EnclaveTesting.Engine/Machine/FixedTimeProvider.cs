namespace EnclaveTesting.Engine.Machine;

/// <summary>The time of day of machines in virtual time: the same whenever they run.</summary>
internal sealed class FixedTimeProvider : TimeProvider
{
    public static readonly FixedTimeProvider Instance = new();

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
}
