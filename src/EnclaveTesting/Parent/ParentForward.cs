using System.Net.Sockets;

namespace EnclaveTesting;

/// <summary>Passes a connection of the enclave on to a socket of the host, both ways, half-closes included.</summary>
internal static class ParentForward
{
    public static async Task ToTcpAsync(ParentPeer peer, string host, int port, CancellationToken cancellationToken)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await ConnectAsync(peer, $"{host}:{port}", token => socket.ConnectAsync(host, port, token), cancellationToken).ConfigureAwait(false);
        await CopyAsync(peer, socket, cancellationToken).ConfigureAwait(false);
    }

    public static async Task ToUnixSocketAsync(ParentPeer peer, string path, CancellationToken cancellationToken)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await ConnectAsync(peer, path, token => socket.ConnectAsync(new UnixDomainSocketEndPoint(path), token), cancellationToken).ConfigureAwait(false);
        await CopyAsync(peer, socket, cancellationToken).ConfigureAwait(false);
    }

    private static async Task ConnectAsync(ParentPeer peer, string target, Func<CancellationToken, ValueTask> connect, CancellationToken cancellationToken)
    {
        try
        {
            await connect(cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException exception)
        {
            throw new IOException($"The parent cannot forward port {peer.Port} to {target}: {exception.Message}", exception);
        }
    }

    private static async Task CopyAsync(ParentPeer peer, Socket socket, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] directions = [ToSocketAsync(peer, socket, stop.Token), FromSocketAsync(peer, socket, stop.Token)];
        try
        {
            Task first = await Task.WhenAny(directions).ConfigureAwait(false);
            // A direction that broke takes the other with it; one that ended in order leaves it running.
            if (!first.IsCompletedSuccessfully)
                await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(directions).ConfigureAwait(false);
        }
        catch (SocketException)
        {
            peer.Abort();
        }
    }

    private static async Task ToSocketAsync(ParentPeer peer, Socket socket, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[64 * 1024];
        for (int count; (count = await peer.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
        {
            for (int sent = 0; sent < count;)
                sent += await socket.SendAsync(buffer.AsMemory(sent, count - sent), cancellationToken).ConfigureAwait(false);
        }

        socket.Shutdown(SocketShutdown.Send);
    }

    private static async Task FromSocketAsync(ParentPeer peer, Socket socket, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[64 * 1024];
        for (int count; (count = await socket.ReceiveAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0;)
            await peer.WriteAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
        peer.CompleteWriting();
    }
}
