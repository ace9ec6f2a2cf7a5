using System.Net;
using System.Net.Sockets;

namespace EnclaveTesting;

/// <summary>Passes a connection of the enclave on to a socket of the host, both ways, half-closes included.</summary>
internal static class ParentForward
{
    /// <param name="peer">The connection.</param>
    /// <param name="target">Where to.</param>
    /// <param name="connected">Called when the host's side stands.</param>
    /// <param name="cancellationToken">Ends it at once.</param>
    /// <exception cref="IOException">The target is not on the allow list, or cannot be reached.</exception>
    public static async Task RunAsync(ParentPeer peer, EndPoint target, Action? connected, CancellationToken cancellationToken)
    {
        if (peer.Forwards.WhyNot(target) is { } problem)
            throw new IOException($"The parent may not forward port {peer.Port} to {ForwardAllowList.Describe(target)}: {problem}.");
        using Socket socket = target is UnixDomainSocketEndPoint
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using IDisposable outside = peer.DependOnOutside();
        try
        {
            await socket.ConnectAsync(target, cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException exception)
        {
            throw new IOException($"The parent cannot forward port {peer.Port} to {ForwardAllowList.Describe(target)}: {exception.Message}", exception);
        }

        connected?.Invoke();
        await CopyAsync(peer, socket, cancellationToken).ConfigureAwait(false);
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
