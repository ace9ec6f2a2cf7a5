using System.Buffers.Binary;
using EnclaveTesting.Engine.Devices.Virtio;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Machine.Recording;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>
/// The socket device (virtio 1.2, section 5.10; id 19) with the host's end inside: packets from the guest go to connections,
/// connections take turns in sending. What is held for a guest is bounded: each connection by its window, answers that belong to no
/// connection by a short queue that stops the guest's sending when it is full.
/// </summary>
internal sealed class VsockDevice : IVirtioDevice
{
    private const int ReceiveQueue = 0, TransmitQueue = 1;
    private const ushort QueueSize = 256;
    private const int MaxReplies = 64;
    private const int MaxConnections = 65_536;
    private const int MaxRounds = 16;
    private const int MaxCapturedData = 256 * 1024;

    private readonly byte[] _configuration = new byte[sizeof(ulong)];
    private readonly Dictionary<VsockKey, VsockConnection> _connections = [];
    private readonly Queue<VsockConnection> _senders = new();
    private readonly Queue<VsockHeader> _replies = new(MaxReplies);
    private readonly byte[] _header = new byte[VsockHeader.Size];
    private IVirtioTransport _transport = null!;
    private readonly VsockCapture? _capture;
    private readonly MachineJournal? _journal;
    private readonly List<VsockConnection> _attended = [];
    private bool _ended;

    /// <param name="guestCid">The enclave's CID.</param>
    /// <param name="capture">Keeps the packets.</param>
    /// <param name="activity">Takes what the host's programs do; null where nobody wants to know.</param>
    /// <param name="journal">Takes what they did, or gives it instead of them.</param>
    public VsockDevice(Cid guestCid, VsockCapture? capture = null, HostActivity? activity = null, MachineJournal? journal = null)
    {
        _capture = capture;
        _journal = journal;
        Host = new VsockHost(guestCid, activity) { DefersPublishing = activity is not null, DropsInput = journal is MachinePlayer };
        BinaryPrimitives.WriteUInt64LittleEndian(_configuration, guestCid.Value);
    }

    /// <summary>Where what the enclave says and hears is written down; under the machine's lock, or before it runs.</summary>
    public VsockJournal? Journal { get; set; }

    /// <summary>Whether a connection that the enclave opened is under way, to a port or to any.</summary>
    public bool IsCalling(uint? port = null) => _connections.Keys.Any(key => port is uint wanted ? key.HostPort == wanted : key.HostPort < VsockHost.FirstEphemeralPort);

    /// <summary>Whether the host's program has left a connection whose end the enclave has not answered yet.</summary>
    public bool IsClosing => _connections.Values.Any(connection => connection.HostHasLeft);

    /// <summary>The host's end.</summary>
    public VsockHost Host { get; }

    /// <inheritdoc/>
    public uint DeviceId => 19;

    /// <inheritdoc/>
    public ulong Features => 0;

    /// <inheritdoc/>
    public IReadOnlyList<ushort> QueueSizes { get; } = [QueueSize, QueueSize, QueueSize];

    /// <inheritdoc/>
    public ReadOnlySpan<byte> Configuration => _configuration;

    /// <inheritdoc/>
    public void Attach(IVirtioTransport transport) => _transport = transport;

    /// <inheritdoc/>
    public void Activate() => Transfer();

    /// <inheritdoc/>
    public void HandleQueue(int queue) => Transfer();

    /// <inheritdoc/>
    public void DoHostWork()
    {
        // Host threads that never stop calling must not keep the machine here: what comes meanwhile wakes it again.
        for (int waiting = Host.AttentionCount; waiting > 0 && Host.TryTakeAttention(out VsockConnection connection); waiting--)
            _attended.Add(connection);
        // Which of several was first is chance.
        if (Host.DefersPublishing && _attended.Count > 1)
            _attended.Sort(ByKey);
        foreach (VsockConnection connection in _attended)
        {
            VsockHostChange change = connection.TakeHostChange();
            (_journal as MachineRecorder)?.Change(connection.Key, connection.State is { Phase: VsockPhase.Connecting, Introduced: false }, change);
            Attend(connection);
        }

        _attended.Clear();
        if (_journal is MachinePlayer player)
            Replay(player);
        Host.SetConnectionCount(_connections.Count);
        if (_transport.IsActive)
            Transfer();
    }

    /// <inheritdoc/>
    public bool Publish() => Host.PublishAll();

    /// <inheritdoc/>
    public void Reset()
    {
        // Connects that the old driver has not seen wait for the new one.
        VsockConnection[] waiting = [.. _connections.Values.Where(connection => connection.State is { Phase: VsockPhase.Connecting, Introduced: false })];
        foreach (VsockConnection connection in _connections.Values.Except(waiting))
            connection.Close(new VsockException(VsockError.ConnectionReset, $"{connection.Describe()} was lost: the enclave's driver reset the device."));
        _connections.Clear();
        _senders.Clear();
        _replies.Clear();
        foreach (VsockConnection connection in waiting)
        {
            connection.Queued = false;
            _connections.Add(connection.Key, connection);
            Enqueue(connection);
        }

        Host.SetConnectionCount(_connections.Count);
    }

    /// <summary>
    /// Saves what the guest knows of, or restores it. The host's ends of its connections do not live on: the guest is told so by a
    /// reset for each, as if the parent had gone away and come back. What the host has not introduced to the guest is not saved.
    /// </summary>
    public void Exchange(StateArchive archive)
    {
        uint nextPort = archive.Within(Host.NextPort, VsockHost.FirstEphemeralPort, uint.MaxValue);
        IEnumerable<VsockHeader> resets = _connections.Values
            .Where(connection => connection.State.Phase != VsockPhase.Connecting || connection.State.Introduced)
            .Select(connection => ResetFor(connection.Key))
            .OrderBy(header => (header.SourcePort, header.DestinationPort));
        List<VsockHeader> replies = archive.List<VsockHeader>([.. _replies, .. resets], MaxConnections + MaxReplies, archive.Value);
        if (!archive.IsReading)
            return;
        Host.NextPort = nextPort;
        _replies.Clear();
        foreach (VsockHeader reply in replies)
            _replies.Enqueue(reply);
    }

    /// <summary>The machine has ended: no packet will come or go. What was received stays readable.</summary>
    public void MachineEnded(string reason)
    {
        if (_ended)
            return;
        _ended = true;
        // Connections that the guest opened before its end are still to be taken.
        Host.PublishAll();
        var failure = new VsockException(VsockError.MachineEnded, $"The enclave ended: {reason}");
        foreach (VsockConnection connection in _connections.Values)
            connection.Close(connection.PeerIsGone ? null : failure);
        _connections.Clear();
        _senders.Clear();
        Host.SetConnectionCount(0);
        Host.End(failure);
    }

    private void Attend(VsockConnection connection)
    {
        if (connection.WantsAbort)
            Abort(connection);
        else if (Admit(connection))
            Enqueue(connection);
    }

    private void Replay(MachinePlayer player)
    {
        while (player.TryTakeChange(out VsockKey key, out bool isNew, out VsockHostChange change))
        {
            if (!_connections.TryGetValue(key, out VsockConnection? connection) && isNew)
                connection = new VsockConnection(Host, key, VsockPhase.Connecting, VsockListenOptions.DefaultReceiveWindow);
            // The last of a connection may come when the guest has closed it already.
            if (connection is not null)
            {
                connection.Replay(change);
                Attend(connection);
            }

            player.ChangeTaken();
        }
    }

    private static readonly Comparison<VsockConnection> ByKey = static (left, right) =>
        (left.Key.HostPort, left.Key.GuestPort, left.Key.HostCid).CompareTo((right.Key.HostPort, right.Key.GuestPort, right.Key.HostCid));

    // A connection that the host wants is known from when the machine first sees it.
    private bool Admit(VsockConnection connection)
    {
        if (connection.State is not { Phase: VsockPhase.Connecting, Introduced: false } || _connections.TryAdd(connection.Key, connection) || _connections[connection.Key] == connection)
            return true;
        connection.Close(new VsockException(VsockError.ConnectionRefused, $"{connection.Describe()} exists already: the enclave opened it."));
        return false;
    }

    private void Transfer()
    {
        if (_ended)
            return;
        // Answers make room for packets and packets make answers; it ends when one side has nothing left or the guest no buffers.
        // A guest whose other CPU never lets it end must not keep the machine here.
        int rounds = 0;
        while (Receive() | Send())
        {
            if (++rounds < MaxRounds)
                continue;
            Host.Wake();
            break;
        }

        if (_transport.IsActive)
        {
            _transport.Interrupt(_transport.Queue(TransmitQueue));
            _transport.Interrupt(_transport.Queue(ReceiveQueue));
        }

        Host.SetConnectionCount(_connections.Count);
    }

    /// <summary>Takes the guest's packets; true if there was one.</summary>
    private bool Receive()
    {
        Virtqueue queue = _transport.Queue(TransmitQueue);
        // One virtqueue's worth at a time, so that sending gets its turn.
        int taken = 0;
        while (taken < QueueSize && _replies.Count < MaxReplies && _transport.IsActive && queue.TryPop(out DescriptorChain chain))
        {
            taken++;
            HandlePacket(chain);
            queue.Push(chain.Head, 0);
        }

        return taken > 0;
    }

    /// <summary>Gives the guest what waits for it; true if there was something.</summary>
    private bool Send()
    {
        Virtqueue queue = _transport.Queue(ReceiveQueue);
        // One virtqueue's worth as well: a guest that makes room while this goes on must not keep the machine here.
        int sent = 0;
        while (sent < QueueSize && _transport.IsActive && TryNext(out VsockConnection? sender, out VsockOperation operation))
        {
            if (!queue.HasAvailable())
            {
                if (sender is not null)
                    Enqueue(sender);
                break;
            }

            if (!queue.TryPop(out DescriptorChain chain))
                break;
            if (chain.WritableLength < VsockHeader.Size)
            {
                _transport.Fault($"a receive buffer of {chain.WritableLength} bytes holds no packet header");
                break;
            }

            uint length = sender is null ? SendReply(chain) : sender.Produce(operation, chain, Host.GuestCid.Value);
            if (_capture is not null)
            {
                chain.ReadBack(0, _capture.Buffer((int)length));
                _capture.Add((int)length);
            }

            if (_journal is not null)
            {
                chain.ReadBack(0, _header);
                _journal.Note(_header);
            }

            queue.Push(chain.Head, length);
            sent++;
            if (sender is not null)
                Enqueue(sender);
        }

        return sent > 0;
    }

    /// <summary>What is sent next: an answer without a connection, or the connection whose turn it is.</summary>
    private bool TryNext(out VsockConnection? sender, out VsockOperation operation)
    {
        sender = null;
        operation = VsockOperation.Invalid;
        if (_replies.Count > 0)
            return true;
        while (_senders.TryDequeue(out VsockConnection? connection))
        {
            connection.Queued = false;
            if (connection.NextOperation() is not { } next)
                continue;
            sender = connection;
            operation = next;
            return true;
        }

        return false;
    }

    private uint SendReply(DescriptorChain chain)
    {
        _replies.Dequeue().Write(_header);
        chain.Write(0, _header);
        return VsockHeader.Size;
    }

    private void Enqueue(VsockConnection connection)
    {
        if (connection.Queued || connection.State.Phase == VsockPhase.Closed)
            return;
        connection.Queued = true;
        _senders.Enqueue(connection);
    }

    private void HandlePacket(DescriptorChain chain)
    {
        if (chain.Read(0, _header) < VsockHeader.Size)
        {
            _transport.Fault($"a packet of {chain.ReadableLength} bytes is shorter than its header");
            return;
        }

        VsockHeader header = VsockHeader.Read(_header);
        if (header.Length > chain.ReadableLength - VsockHeader.Size)
        {
            _transport.Fault($"a packet announces {header.Length} bytes and carries {chain.ReadableLength - VsockHeader.Size}");
            return;
        }

        if (_capture is not null)
        {
            int length = VsockHeader.Size + (int)Math.Min(header.Length, MaxCapturedData);
            chain.Read(0, _capture.Buffer(length));
            _capture.Add(length);
        }

        _journal?.Note(_header);
        // Whatever pretends to come from elsewhere is dropped: an answer would not reach its sender.
        if (header.SourceCid != Host.GuestCid.Value)
            return;
        if (header.Type != VsockHeader.StreamType || header.DestinationCid is not (2 or 3))
        {
            ReplyReset(header);
            return;
        }

        var key = new VsockKey((uint)header.DestinationCid, header.DestinationPort, header.SourcePort);
        _connections.TryGetValue(key, out VsockConnection? connection);
        if (header.Operation == VsockOperation.Request)
            HandleRequest(key, header, connection);
        else if (connection is null)
            ReplyReset(header);
        else
            HandlePacket(connection, header, chain);
    }

    private void HandleRequest(VsockKey key, in VsockHeader header, VsockConnection? existing)
    {
        if (existing is not null)
            Forget(existing, Lost(existing, "the enclave opened it anew"));
        VsockListener? listener = null;
        ListenDecision decision = _journal is null ? Decide() : _journal.Listen(Decide);
        if (!decision.IsTaken)
        {
            ReplyReset(header);
            return;
        }

        var connection = new VsockConnection(Host, key, VsockPhase.Requested, decision.ReceiveWindow, listener?.Options.IsScripts == true);
        connection.UpdatePeer(header);
        _connections.Add(key, connection);
        Journal?.Opened(key);
        connection.Journal = Journal;
        if (!decision.DeferAccept)
            connection.AcceptAtOnce();
        if (listener is not null)
            connection.Announce(() => listener.Add(new VsockStream(connection)));
        Enqueue(connection);

        ListenDecision Decide()
        {
            listener = Host.FindListener(key.HostPort);
            if (listener is null || _connections.Count >= MaxConnections || !listener.TryReserve())
                return default;
            return new ListenDecision(true, listener.Options.DeferAccept, listener.Options.ReceiveWindow);
        }
    }

    private void HandlePacket(VsockConnection connection, in VsockHeader header, DescriptorChain chain)
    {
        connection.UpdatePeer(header);
        switch (header.Operation)
        {
            case VsockOperation.Response when connection.State is { Phase: VsockPhase.Connecting, Introduced: true }:
                connection.Open();
                break;
            case VsockOperation.Reset:
                HandleReset(connection);
                return;
            case VsockOperation.Shutdown when connection.State.Phase == VsockPhase.Open:
                connection.PeerShutdown(header.Flags);
                if (connection.PeerIsGone)
                {
                    // The enclave waits for this answer before it forgets the connection.
                    ReplyReset(header);
                    Forget(connection, null);
                    return;
                }

                break;
            case VsockOperation.ReadWrite when connection.State.Phase == VsockPhase.Open && (connection.State.PeerShutdown & VsockHeader.ShutdownSend) == 0:
                if (!connection.Receive(chain, header.Length))
                {
                    ReplyReset(header);
                    Forget(connection, new VsockException(VsockError.ProtocolViolation, $"{connection.Describe()} was reset: the enclave sent {header.Length} bytes without credit for them."));
                    return;
                }

                break;
            case VsockOperation.CreditUpdate:
                break;
            case VsockOperation.CreditRequest when connection.State.Phase == VsockPhase.Open:
                connection.State.CreditUpdateDue = true;
                break;
            default:
                ReplyReset(header);
                Forget(connection, connection.HostIsGone ? null : Lost(connection, $"the enclave sent {header.Operation} out of turn"));
                return;
        }

        Enqueue(connection);
    }

    private void HandleReset(VsockConnection connection)
    {
        VsockException? failure = connection.State switch
        {
            { Phase: VsockPhase.Connecting } => new VsockException(VsockError.ConnectionRefused,
                $"Nobody listens on the enclave's port {connection.Key.GuestPort}: the connection was refused."),
            // A program that closes after both sides have shut down ends in order.
            { Shutdown: not 0 } when (connection.State.PeerShutdown & VsockHeader.ShutdownSend) != 0 || connection.HostIsGone => null,
            _ => Lost(connection, "the enclave reset it"),
        };
        Forget(connection, failure);
    }

    private void Abort(VsockConnection connection)
    {
        if (connection.State.Phase == VsockPhase.Closed)
            return;
        bool known = connection.State.Phase != VsockPhase.Connecting || connection.State.Introduced;
        if (known)
        {
            // Not bounded by the guest: the host aborts what it knows, at most once each.
            _replies.Enqueue(ResetFor(connection.Key));
            connection.Journal?.HostReset(connection.Key);
        }

        Forget(connection, connection.Failure);
    }

    private VsockHeader ResetFor(VsockKey key) =>
        new(key.HostCid, Host.GuestCid.Value, key.HostPort, key.GuestPort, 0, VsockHeader.StreamType, VsockOperation.Reset, 0, 0, 0);

    private void Forget(VsockConnection connection, VsockException? failure)
    {
        _connections.Remove(connection.Key);
        connection.Close(failure);
    }

    private void ReplyReset(in VsockHeader header)
    {
        // A reset is never answered by a reset.
        if (header.Operation == VsockOperation.Reset)
            return;
        _replies.Enqueue(new VsockHeader(header.DestinationCid, header.SourceCid, header.DestinationPort, header.SourcePort, 0, header.Type, VsockOperation.Reset, 0, 0, 0));
    }

    private static VsockException Lost(VsockConnection connection, string why) =>
        new(VsockError.ConnectionReset, $"{connection.Describe()} was lost: {why}.");
}
