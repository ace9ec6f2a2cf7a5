using System.Collections.Concurrent;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>
/// The host's end of a machine's vsock device: the parent instance. Thread-safe. Every machine has its own, so the same ports and
/// CIDs may be used by any number of machines at once.
/// </summary>
internal sealed class VsockHost
{
    /// <summary>The host connects from ports from here on.</summary>
    internal const uint FirstEphemeralPort = 0x4000_0000;

    private readonly ConcurrentDictionary<uint, VsockListener> _listeners = [];
    private readonly ConcurrentQueue<VsockConnection> _attention = [];
    private readonly Queue<VsockConnection> _unpublished = new();
    private uint _nextPort = FirstEphemeralPort;
    private volatile IMachineWaker? _waker;
    private volatile VsockException? _ended;
    private int _connectionCount;

    internal VsockHost(Cid guestCid, HostActivity? activity = null)
    {
        GuestCid = guestCid;
        Activity = activity ?? new HostActivity();
    }

    /// <summary>What the programs at the connections do.</summary>
    internal HostActivity Activity { get; }

    /// <summary>Whether the host sees what the guest did only when the machine publishes it, as in virtual time.</summary>
    internal bool DefersPublishing { get; init; }

    /// <summary>Whether nobody is there to read what the guest sends.</summary>
    internal bool DropsInput { get; init; }

    /// <summary>The enclave's CID.</summary>
    public Cid GuestCid { get; }

    /// <summary>How many connections the device holds, those being opened and closed included.</summary>
    public int ConnectionCount => Volatile.Read(ref _connectionCount);

    /// <summary>Connects to a port of the enclave, as the parent (CID 3). Waits until the enclave's driver runs.</summary>
    /// <exception cref="VsockException">Nobody listens there, or the enclave ended.</exception>
    /// <exception cref="OperationCanceledException">The caller gave up; the connection is withdrawn.</exception>
    public async Task<VsockStream> ConnectAsync(uint port, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var key = new VsockKey(Cid.Parent.Value, Interlocked.Increment(ref _nextPort), port);
        var connection = new VsockConnection(this, key, VsockPhase.Connecting, VsockListenOptions.DefaultReceiveWindow);
        // Between what it does and its wait for the answer nobody is to think that this test is busy elsewhere.
        Activity.BeginWork();
        connection.Attend();
        connection.HostEnd.Connects(true);
        Activity.EndWork();
        // If it was refused meanwhile.
        if (connection.Opened.IsCompleted)
            connection.HostEnd.Connects(false);
        var stream = new VsockStream(connection);
        try
        {
            await connection.Opened.WaitAsync(cancellationToken).ConfigureAwait(false);
            connection.HostEnd.Resumed(fromRead: false);
            return stream;
        }
        catch (VsockException exception)
        {
            Activity.BeginTurn();
            connection.HostEnd.Leave();
            throw exception.Copy();
        }
        catch (OperationCanceledException)
        {
            connection.Abort();
            await stream.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Takes connections from the enclave on a port, whether it addresses CID 3 or CID 2.</summary>
    /// <exception cref="InvalidOperationException">The port is taken.</exception>
    /// <exception cref="VsockException">The enclave ended.</exception>
    public VsockListener Listen(uint port, VsockListenOptions? options = null)
    {
        options ??= new VsockListenOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Backlog, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ReceiveWindow, 1, nameof(options));
        var listener = new VsockListener(this, port, options);
        if (!_listeners.TryAdd(port, listener))
            throw new InvalidOperationException($"The parent already listens on port {port}.");
        if (_ended is { } ended)
        {
            listener.Dispose();
            throw ended.Copy();
        }

        return listener;
    }

    /// <summary>The port from which the last connection of the host came.</summary>
    internal uint NextPort
    {
        get => Volatile.Read(ref _nextPort);
        set => Volatile.Write(ref _nextPort, value);
    }

    internal void Remove(VsockListener listener) => _listeners.TryRemove(new KeyValuePair<uint, VsockListener>(listener.Port, listener));

    internal VsockListener? FindListener(uint port) => _listeners.GetValueOrDefault(port);

    /// <summary>Says whom to wake when the host has done something; once, before the machine starts.</summary>
    internal void AttachTo(IMachineWaker waker)
    {
        _waker = waker;
        waker.Wake();
    }

    internal void Attend(VsockConnection connection)
    {
        Activity.EndTurn();
        _attention.Enqueue(connection);
        if (_ended is { } ended)
            FailWaiting(ended);
        else
            Wake();
    }

    /// <summary>On the machine's side: a connection has something to tell the host.</summary>
    internal void Publish(VsockConnection connection)
    {
        if (DefersPublishing && _ended is null)
            _unpublished.Enqueue(connection);
        else
            connection.Publish();
    }

    /// <summary>On the machine's side: lets the host see everything; true if there was something.</summary>
    internal bool PublishAll()
    {
        bool any = false;
        // A connection that is lost while this goes on may come again.
        while (_unpublished.TryDequeue(out VsockConnection? connection))
        {
            any = true;
            connection.Publish();
        }

        return any;
    }

    /// <summary>Makes the machine do the host's work soon.</summary>
    internal void Wake() => _waker?.Wake();

    internal int AttentionCount => _attention.Count;

    internal bool TryTakeAttention(out VsockConnection connection) => _attention.TryDequeue(out connection!);

    internal void SetConnectionCount(int count) => Volatile.Write(ref _connectionCount, count);

    /// <summary>The machine is gone: everything open or waiting fails.</summary>
    internal void End(VsockException reason)
    {
        _ended = reason;
        foreach (VsockListener listener in _listeners.Values)
            listener.Complete(reason);
        FailWaiting(reason);
        // Nobody will ask for it any more.
        PublishAll();
    }

    private void FailWaiting(VsockException reason)
    {
        while (_attention.TryDequeue(out VsockConnection? connection))
            connection.Close(reason);
    }
}
