namespace EnclaveTesting;

/// <summary>One wait's line in a report.</summary>
internal sealed class WaitEntry(string awaited)
{
    private volatile string _seen = "";
    private volatile bool _isDone;

    public string Awaited { get; } = awaited;

    /// <summary>What has been seen instead, or on the way.</summary>
    public string Seen
    {
        get => _seen;
        set => _seen = value;
    }

    public bool IsDone
    {
        get => _isDone;
        set => _isDone = value;
    }
}
