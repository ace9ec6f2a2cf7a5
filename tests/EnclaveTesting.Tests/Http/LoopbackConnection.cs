using System.Net.Sockets;

namespace EnclaveTesting.Tests.Http;

/// <summary>The server's end of a connection over a loopback socket.</summary>
internal static class LoopbackConnection
{
    /// <summary>
    /// Says that no more will come and reads until the client has closed: closing with something unread would be a reset, which may overtake the reply.
    /// </summary>
    public static async Task EndAsync(NetworkStream stream)
    {
        try
        {
            stream.Socket.Shutdown(SocketShutdown.Send);
            await stream.CopyToAsync(Stream.Null);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            // The client has reset it.
        }
    }
}
