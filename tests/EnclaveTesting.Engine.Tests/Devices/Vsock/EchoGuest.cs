using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting.Engine.Tests.Devices.Vsock;

/// <summary>A guest with a program that accepts every connection and sends back what comes, as obedient as Linux.</summary>
internal sealed class EchoGuest(VsockGuest guest)
{
    private const uint Window = 32 * 1024;
    private const int LargestSend = 20_000;

    private readonly Dictionary<(uint HostPort, uint GuestPort), Connection> _connections = [];

    // The device may leave packets alone while the guest has many of its answers to take.
    private readonly Queue<(VsockHeader Header, byte[]? Data)> _outgoing = new();

    public int Connections => _connections.Count;

    /// <summary>Sends what did not go out yet.</summary>
    public void Flush()
    {
        while (_outgoing.TryPeek(out (VsockHeader Header, byte[]? Data) next) && guest.TrySend(next.Header, next.Data))
            _outgoing.Dequeue();
    }

    /// <summary>Handles one packet.</summary>
    public void Handle(VsockPacket packet)
    {
        (uint, uint) key = (packet.Header.SourcePort, packet.Header.DestinationPort);
        if (packet.Operation == VsockOperation.Request)
        {
            var socket = new GuestSocket(guest, key.Item2, key.Item1) { Window = Window };
            _connections.Add(key, new Connection(socket));
            socket.Note(packet);
            Send(socket.Header(VsockOperation.Response));
            return;
        }

        if (!_connections.TryGetValue(key, out Connection? connection))
        {
            // The device knows a connection after its reset only if the host and the guest ended it at the same time.
            packet.Operation.Should().BeOneOf(VsockOperation.Reset, VsockOperation.Shutdown, VsockOperation.ReadWrite, VsockOperation.CreditUpdate, VsockOperation.CreditRequest);
            return;
        }

        connection.Socket.Note(packet);
        switch (packet.Operation)
        {
            case VsockOperation.Reset:
                _connections.Remove(key);
                return;
            case VsockOperation.Shutdown:
                connection.PeerShutdown |= packet.Flags;
                break;
            case VsockOperation.ReadWrite:
                (connection.Socket.Received - connection.Socket.Forward).Should().BeLessThanOrEqualTo(Window, "the device keeps to the guest's credit");
                foreach (byte b in packet.Data)
                    connection.Held.Enqueue(b);
                break;
            case VsockOperation.CreditRequest:
                Send(connection.Socket.Header(VsockOperation.CreditUpdate));
                break;
        }

        Proceed(key, connection);
    }

    private void Proceed((uint, uint) key, Connection connection)
    {
        GuestSocket socket = connection.Socket;
        if (connection.PeerShutdown == 3)
        {
            Send(socket.Header(VsockOperation.Reset));
            _connections.Remove(key);
            return;
        }

        bool any = false;
        while (connection.Held.Count > 0 && socket.Credit > 0)
        {
            byte[] data = new byte[Math.Min(Math.Min(connection.Held.Count, socket.Credit), LargestSend)];
            for (int i = 0; i < data.Length; i++)
                data[i] = connection.Held.Dequeue();
            socket.Forward += (uint)data.Length;
            Send(socket.Header(VsockOperation.ReadWrite, length: (uint)data.Length), data);
            socket.NoteSent((uint)data.Length);
            any = true;
        }

        if (connection.Held.Count == 0 && (connection.PeerShutdown & VsockHeader.ShutdownSend) != 0 && !connection.Closed)
        {
            connection.Closed = true;
            Send(socket.Header(VsockOperation.Shutdown, 3));
        }
        else if (any)
        {
            Send(socket.Header(VsockOperation.CreditUpdate));
        }
    }

    private void Send(VsockHeader header, byte[]? data = null)
    {
        _outgoing.Enqueue((header, data));
        Flush();
    }

    private sealed class Connection(GuestSocket socket)
    {
        public GuestSocket Socket { get; } = socket;

        public Queue<byte> Held { get; } = new();

        public uint PeerShutdown { get; set; }

        public bool Closed { get; set; }
    }
}
