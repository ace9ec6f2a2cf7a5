namespace EnclaveTesting.Engine.Machine;

/// <summary>Those who wait for one thing of a machine, such as its console. Thread-safe.</summary>
internal sealed class HostWaits(HostActivity activity)
{
    private readonly Lock _lock = new();
    private readonly List<HostWait> _waits = [];

    /// <summary>Begins a wait.</summary>
    public HostWait Begin()
    {
        var wait = new HostWait(activity, Forget);
        lock (_lock)
            _waits.Add(wait);
        return wait;
    }

    /// <summary>What they wait for may have come; before they are woken.</summary>
    public void Tell()
    {
        lock (_lock)
        {
            foreach (HostWait wait in _waits)
                wait.Tell();
        }
    }

    private void Forget(HostWait wait)
    {
        lock (_lock)
            _waits.Remove(wait);
    }
}
