using System.Net;
using System.Net.Sockets;

namespace EnclaveTesting;

/// <summary>Which servers and sockets of the host the ports of a parent may forward to: everything, until something is allowed.</summary>
internal sealed class ForwardAllowList
{
    private readonly List<string> _allowed = [];
    private bool _isClosed;

    public void Allow(string host, int? port)
    {
        _isClosed = true;
        _allowed.Add($"{Canonical(host)}:{port?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "*"}");
    }

    public void AllowUnixSocket(string path)
    {
        _isClosed = true;
        _allowed.Add(path);
    }

    /// <summary>Allows what a list has, which may be nothing.</summary>
    public void Allow(IEnumerable<(string Host, int Port)> servers)
    {
        _isClosed = true;
        foreach ((string host, int port) in servers)
            Allow(host, port);
    }

    /// <summary>Why nothing may be forwarded there; null if it may.</summary>
    public string? WhyNot(EndPoint target)
    {
        if (!_isClosed)
            return null;
        bool allowed = target is DnsEndPoint server
            ? _allowed.Contains($"{Canonical(server.Host)}:{server.Port}") || _allowed.Contains($"{Canonical(server.Host)}:*")
            : _allowed.Contains(Describe(target));
        return allowed ? null : $"the allow list has {(_allowed.Count == 0 ? "nothing" : string.Join(", ", _allowed))}";
    }

    /// <summary>host:port, or the path of a Unix socket.</summary>
    public static string Describe(EndPoint target) => target is DnsEndPoint server ? $"{server.Host}:{server.Port}" : target.ToString()!;

    /// <summary>A target for a forward.</summary>
    /// <exception cref="ArgumentException">Host or port are none.</exception>
    public static DnsEndPoint Server(string host, int port)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        return port is >= 1 and <= IPEndPoint.MaxPort
            ? new DnsEndPoint(host, port)
            : throw new ArgumentException($"{host} has ports 1 to {IPEndPoint.MaxPort}, not {port}.", nameof(port));
    }

    // An address can be written in several ways, a name in capitals.
    private static string Canonical(string host) => IPAddress.TryParse(host, out IPAddress? address)
        ? (address.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{address}]" : address.ToString())
        : host.ToLowerInvariant();
}
