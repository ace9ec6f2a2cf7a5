using System.Globalization;
using System.Net.Sockets;
using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Cli;

/// <summary>One <c>--forward PORT:HOST:PORT</c>: connections of the enclave to a port of the parent go on to a TCP port of the host.</summary>
/// <param name="ParentPort">The port to which the enclave connects.</param>
/// <param name="Host">A name or an address.</param>
/// <param name="Port">The TCP port.</param>
internal sealed record PortForward(uint ParentPort, string Host, int Port)
{
    private const int BufferSize = 64 * 1024;

    /// <summary>Reads the option's text; an IPv6 address stands in brackets.</summary>
    public static PortForward? TryParse(string text)
    {
        int first = text.IndexOf(':'), last = text.LastIndexOf(':');
        if (first <= 0 || last <= first + 1
            || !uint.TryParse(text.AsSpan(0, first), NumberStyles.None, CultureInfo.InvariantCulture, out uint parentPort) || parentPort is 0 or uint.MaxValue
            || !int.TryParse(text.AsSpan(last + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port) || port is < 1 or > 65535)
            return null;
        string host = text[(first + 1)..last];
        if (host.StartsWith('[') && host.EndsWith(']'))
            host = host[1..^1];
        else if (host.Contains(':'))
            return null;
        return host.Length == 0 ? null : new PortForward(parentPort, host, port);
    }

    /// <summary>Serves the port until the listener is disposed or the enclave has ended.</summary>
    /// <param name="host">The parent.</param>
    /// <param name="listener">Defers: the enclave's connect waits for the TCP connect and fails with it.</param>
    /// <param name="status">Takes what goes wrong, one line each.</param>
    /// <param name="cancellationToken">Ends the connections too.</param>
    public async Task ServeAsync(VsockHost host, VsockListener listener, Action<string> status, CancellationToken cancellationToken)
    {
        var connections = new List<Task>();
        try
        {
            while (true)
            {
                var stream = await listener.AcceptAsync(cancellationToken).ConfigureAwait(false);
                connections.RemoveAll(task => task.IsCompleted);
                connections.Add(PassOnAsync(host, stream, status, cancellationToken));
            }
        }
        catch (Exception exception) when (exception is VsockException or ObjectDisposedException or OperationCanceledException)
        {
            // The end.
        }

        await Task.WhenAll(connections).ConfigureAwait(false);
    }

    /// <summary>The option as it was given.</summary>
    public override string ToString() => $"{ParentPort}:{(Host.Contains(':') ? $"[{Host}]" : Host)}:{Port}";

    private async Task PassOnAsync(VsockHost host, VsockStream stream, Action<string> status, CancellationToken cancellationToken)
    {
        await using var _ = stream.ConfigureAwait(false);
        // The server is somebody outside: the enclave lives in its time.
        using var outside = host.Activity.DependOnOutside();
        stream.Park(true);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(Host, Port, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            if (exception is SocketException)
                status($"forward {this}: {exception.Message}");
            stream.Abort();
            return;
        }

        stream.Accept();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task up = ToSocketAsync(stream, socket, stop.Token), down = FromSocketAsync(stream, socket, stop.Token);
        try
        {
            // A direction that ended in order leaves the other running; one that broke takes it along.
            await (await Task.WhenAny(up, down).ConfigureAwait(false)).ConfigureAwait(false);
            await Task.WhenAll(up, down).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or SocketException or OperationCanceledException)
        {
            stream.Abort();
            // A reset for the other side too, not the orderly end that it is not.
            socket.LingerState = new LingerOption(true, 0);
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(up, down).ContinueWith(task => task.Exception, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).ConfigureAwait(false);
        }
    }

    private static async Task ToSocketAsync(VsockStream stream, Socket socket, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[BufferSize];
        for (int count; (count = await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
        {
            for (int sent = 0; sent < count;)
                sent += await socket.SendAsync(buffer.AsMemory(sent, count - sent), cancellationToken).ConfigureAwait(false);
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    private static async Task FromSocketAsync(VsockStream stream, Socket socket, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[BufferSize];
        for (int count; (count = await socket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
            await stream.WriteAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
        stream.CompleteWriting();
    }
}
