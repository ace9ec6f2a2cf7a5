namespace EnclaveTesting;

/// <summary>The record of one connection from the enclave to a port of the parent.</summary>
public sealed class ParentConnection
{
    private readonly ParentPeer _peer;
    private readonly TaskCompletionSource _satisfied = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string _step = "accept";
    private volatile Exception? _failure;
    private int _state;

    internal ParentConnection(ParentPeer peer, int number, TimeSpan acceptedAt)
    {
        _peer = peer;
        Number = number;
        AcceptedAt = acceptedAt;
    }

    /// <summary>The parent's port.</summary>
    public uint Port => _peer.Port;

    /// <summary>The enclave's port.</summary>
    public uint GuestPort => _peer.GuestPort;

    /// <summary>Which connection to this port it is, from 1.</summary>
    public int Number { get; }

    /// <summary>When it came, since the enclave was started.</summary>
    public TimeSpan AcceptedAt { get; }

    /// <summary>What has become of it so far.</summary>
    public ParentConnectionState State => (ParentConnectionState)Volatile.Read(ref _state);

    /// <summary>Completes, never faults, when the script or handler is over and the parent has closed its side.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Why it failed.</summary>
    public Exception? Failure => _failure;

    /// <summary>The first 64 KiB that the enclave sent.</summary>
    public byte[] Received => _peer.Received.FirstBytes;

    /// <summary>How many bytes the enclave sent in all.</summary>
    public long ReceivedCount => _peer.Received.Count;

    /// <summary>The first 64 KiB that the parent sent.</summary>
    public byte[] Sent => _peer.Sent.FirstBytes;

    /// <summary>How many bytes the parent sent in all.</summary>
    public long SentCount => _peer.Sent.Count;

    /// <summary>What has been said so far, in its order, to be kept and played again.</summary>
    /// <exception cref="InvalidOperationException">It is more than 16 MiB.</exception>
    public ParentRecording Record() => _peer.Dialogue.ToRecording();

    /// <summary>Completes when the enclave has done all that is expected of it here; faults when it did something else.</summary>
    internal Task Satisfied => _satisfied.Task;

    /// <summary>One line: port, state, bytes, failure.</summary>
    public override string ToString() =>
        $"port {Port}, connection {Number}: {State}{(State == ParentConnectionState.Open ? " (" + _step + ")" : "")}, received {_peer.Received}, sent {_peer.Sent}"
        + (_failure is null ? "" : $": {_failure.Message}");

    /// <summary>This connection as the clone of its enclave knows it: lost, in order if all that was expected had come.</summary>
    internal ParentConnection ToLost()
    {
        var lost = new ParentConnection(_peer.ToRecord(), Number, AcceptedAt);
        ParentConnectionState state = State;
        bool isInOrder = state == ParentConnectionState.Refused || _satisfied.Task.IsCompletedSuccessfully;
        lost.End(
            isInOrder && state == ParentConnectionState.Open ? ParentConnectionState.Completed : isInOrder ? state : ParentConnectionState.Failed,
            _failure ?? (isInOrder ? null : new ParentExpectationException("The enclave was cloned while the connection was open; its clone has lost it.")));
        lost.Close();
        return lost;
    }

    /// <summary>Whether the enclave sends no more here.</summary>
    internal bool HasEnded => _peer.HasEnded;

    internal void Enter(string step) => _step = step;

    internal void Close() => _ended.TrySetResult();

    internal void Satisfy() => _satisfied.TrySetResult();

    internal void End(ParentConnectionState state, Exception? failure = null)
    {
        _failure = failure;
        Volatile.Write(ref _state, (int)state);
        if (failure is null)
            _satisfied.TrySetResult();
        else
            _satisfied.TrySetException(failure);
        // A failure that nobody awaits is reported when the parent is verified.
        _ = _satisfied.Task.Exception;
    }
}
