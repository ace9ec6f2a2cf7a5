namespace EnclaveTesting;

/// <summary>Says what the parent instance (CID 3) does. Ports it does not name are closed, as on a real parent.</summary>
public sealed class ParentBuilder
{
    private readonly SortedDictionary<uint, ParentPort> _ports = [];

    internal ParentBuilder()
    {
    }

    internal IEnumerable<ParentPort> Ports => _ports.Values;

    internal Heartbeat HeartbeatBehaviour { get; private set; } = EnclaveTesting.Heartbeat.Answered;

    /// <summary>Goes on with the script of a port; without any step the parent accepts connections and leaves them open.</summary>
    /// <param name="port">The port; 9000 is the heartbeat's and set by <see cref="Heartbeat"/>.</param>
    public ParentPort Port(uint port)
    {
        if (port == EnclaveTesting.Heartbeat.Port)
            throw new ArgumentException($"Port {port} is the heartbeat's: use {nameof(Heartbeat)}.", nameof(port));
        if (!_ports.TryGetValue(port, out ParentPort? script))
            _ports[port] = script = new ParentPort(this, port);
        return script;
    }

    /// <summary>Sets how the heartbeat is answered.</summary>
    public ParentBuilder Heartbeat(Heartbeat behaviour)
    {
        ArgumentNullException.ThrowIfNull(behaviour);
        HeartbeatBehaviour = behaviour;
        return this;
    }
}
