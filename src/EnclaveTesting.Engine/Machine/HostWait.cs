namespace EnclaveTesting.Engine.Machine;

/// <summary>
/// A program of the host that waits for something the guest does, and looks whether it has come each time it is told that it may have. From then
/// until it has looked it has something to do. Disposed, the wait is over. Thread-safe.
/// </summary>
internal sealed class HostWait : IDisposable
{
    private const int Waiting = 0, Told = 1, Over = 2;

    private readonly HostActivity _activity;
    private readonly Action<HostWait>? _forget;
    private int _state;

    /// <summary>Begins a wait.</summary>
    /// <param name="activity">The machine's.</param>
    /// <param name="forget">Called at the end.</param>
    public HostWait(HostActivity activity, Action<HostWait>? forget = null)
    {
        _activity = activity;
        _forget = forget;
        activity.BeginWait();
    }

    /// <summary>What is awaited may have come.</summary>
    public void Tell()
    {
        _activity.BeginWork();
        if (Interlocked.CompareExchange(ref _state, Told, Waiting) != Waiting)
            _activity.EndWork();
    }

    /// <summary>It had not; before looking, so that what comes meanwhile counts anew.</summary>
    public void Look()
    {
        if (Interlocked.CompareExchange(ref _state, Waiting, Told) == Told)
            _activity.EndWork();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        int state = Interlocked.Exchange(ref _state, Over);
        if (state == Over)
            return;
        _forget?.Invoke(this);
        // Whoever is told that his wait is over has the word.
        _activity.BeginTurn();
        _activity.EndWait();
        if (state == Told)
            _activity.EndWork();
    }
}
