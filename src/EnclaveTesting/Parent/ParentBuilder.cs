using System.Net;

namespace EnclaveTesting;

/// <summary>Says what the parent instance (CID 3) does. Ports it does not name are closed, as on a real parent.</summary>
public sealed class ParentBuilder
{
    private readonly SortedDictionary<uint, ParentPort> _ports = [];
    private readonly List<string> _problems = [];

    internal ParentBuilder()
    {
    }

    internal IEnumerable<ParentPort> Ports => _ports.Values;

    internal Heartbeat HeartbeatBehaviour { get; private set; } = EnclaveTesting.Heartbeat.Answered;

    internal ForwardAllowList Forwards { get; } = new();

    /// <summary>Goes on with the script of a port; without any step the parent accepts connections and leaves them open.</summary>
    /// <param name="port">The port; 9000 is the heartbeat's and set by <see cref="Heartbeat"/>.</param>
    public ParentPort Port(uint port)
    {
        Check(port != EnclaveTesting.Heartbeat.Port, $"Port {port} is the heartbeat's: use {nameof(Heartbeat)}.");
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

    /// <summary>
    /// Allows forwards to a server, as the allow list of AWS's vsock-proxy does; from then on those that nothing allows are refused. Names are
    /// compared as they are written.
    /// </summary>
    /// <param name="host">A name or an address.</param>
    /// <param name="port">The port; null for all of the host's.</param>
    public ParentBuilder AllowForwardTo(string host, int? port = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        Check(port is null or (>= 1 and <= IPEndPoint.MaxPort), $"{host} has ports 1 to {IPEndPoint.MaxPort}, not {port}: no forward can be allowed there.");
        Forwards.Allow(host, port);
        return this;
    }

    /// <summary>Allows forwards to a Unix socket; from then on those that nothing allows are refused.</summary>
    public ParentBuilder AllowForwardToUnixSocket(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Forwards.AllowUnixSocket(path);
        return this;
    }

    /// <summary>Allows the forwards that a configuration file of AWS's vsock-proxy lists; from then on those that nothing allows are refused.</summary>
    /// <param name="path">The file (YAML); a relative path is looked for beside the test's binaries, then in the current directory.</param>
    public ParentBuilder AllowForwardsOf(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            Forwards.Allow(VsockProxyConfiguration.Parse(File.ReadAllText(TestFile.Find(path) ?? path)));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or FormatException)
        {
            Check(false, $"{path} gives no allow list: {exception.Message.TrimEnd('.')}.");
        }

        return this;
    }

    /// <summary>Notes a mistake, to be reported with all others.</summary>
    internal void Check(bool holds, string problem)
    {
        if (!holds)
            _problems.Add(problem);
    }

    /// <summary>What is wrong with all that was said.</summary>
    internal IEnumerable<string> FindProblems() =>
    [
        .. _problems,
        .. from port in _ports.Values
           from target in port.Targets
           let problem = Forwards.WhyNot(target)
           where problem is not null
           select $"The parent's port {port.Number} forwards to {ForwardAllowList.Describe(target)}, which is not allowed: {problem}.",
    ];
}
