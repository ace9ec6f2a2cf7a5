using System.Buffers;
using System.IO.Pipelines;
using EnclaveTesting.Engine.Devices.Virtio;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>
/// One connection: the protocol's state, which only the machine touches, and two pipes to the host's stream. What the host wants is left in
/// the pipes and a few fields and announced by <see cref="Attend"/>; the machine sees it as it was when it took it
/// (<see cref="TakeHostChange"/>). The host sees what the guest did when the machine publishes it: at once, or in virtual time when the machine
/// meets the host.
/// </summary>
internal sealed class VsockConnection
{
    private const int SendBuffer = 256 * 1024;
    private const int ResumeWriting = SendBuffer / 2;
    private const uint ShutdownBoth = VsockHeader.ShutdownReceive | VsockHeader.ShutdownSend;

    private static readonly PipeOptions ToHost = new(pauseWriterThreshold: 0, resumeWriterThreshold: 0, useSynchronizationContext: false);
    private static readonly PipeOptions ToGuest = new(pauseWriterThreshold: SendBuffer, resumeWriterThreshold: ResumeWriting, useSynchronizationContext: false);

    private readonly VsockHost _host;
    private readonly VsockHostEnd _hostEnd;
    private readonly Pipe _toHost = new(ToHost);
    private readonly Pipe _toGuest = new(ToGuest);
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _attention;
    private uint _consumed;
    private volatile bool _accepted, _aborted, _hostGone, _inputEnded;
    private volatile VsockException? _failure;

    // What the machine has seen of the host; only the machine touches it.
    private VsockHostChange _seen;
    private long _visible, _taken;
    private bool _outputClosed;

    // What the host has not been told yet; only the machine touches it.
    private Action? _announcement;
    private bool _publishes, _openDue, _flushDue, _inputEndDue, _outputCloseDue, _closeDue, _closed;

    public VsockConnection(VsockHost host, VsockKey key, VsockPhase phase, int receiveWindow, bool isScripts = false)
    {
        _host = host;
        _hostEnd = new VsockHostEnd(host.Activity, isScripts);
        State = new VsockConnectionState(key) { Phase = phase, ReceiveWindow = (uint)receiveWindow };
    }

    /// <summary>Only the machine touches it.</summary>
    public VsockConnectionState State { get; }

    /// <summary>Where what is said is written down; null where it is not. Only the machine touches it.</summary>
    public VsockJournal? Journal { get; set; }

    /// <summary>Whether it waits for its turn to send; only the machine touches it.</summary>
    public bool Queued { get; set; }

    public VsockKey Key => State.Key;

    /// <summary>Completes when both sides agreed, fails when that will not happen.</summary>
    public Task Opened => _opened.Task;

    /// <summary>Why the connection was lost; null while it is in order and after an orderly end.</summary>
    public VsockException? Failure => _failure;

    /// <summary>Whether an input that has ended did so because the enclave sends no more, whatever came after that.</summary>
    public bool EndedInOrder => _inputEnded || _failure is null;

    /// <summary>Whether no more will come from the enclave.</summary>
    public bool HasEnded => _inputEnded || State.Phase == VsockPhase.Closed;

    /// <summary>Whether the host's program has left, which the machine may not have seen yet.</summary>
    public bool HostHasLeft => _hostGone;

    /// <summary>What the host's program does with the connection.</summary>
    public VsockHostEnd HostEnd => _hostEnd;

    // ---- the host's side, any thread ----

    /// <summary>Waits for what the enclave sent; ends when it has closed, was lost, or the host gave up.</summary>
    public ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken)
    {
        if (!_hostEnd.IsFollowed)
            return _toHost.Reader.ReadAsync(cancellationToken);
        lock (_hostEnd.Lock)
        {
            ValueTask<ReadResult> read = _toHost.Reader.ReadAsync(cancellationToken);
            if (!read.IsCompleted)
                _hostEnd.Reads(true);
            return read;
        }
    }

    /// <summary>Gives back what a read gave and notes how much of it the host's program has taken; tells the enclave when that is worth a packet.</summary>
    public void EndRead(SequencePosition end, int bytes)
    {
        _toHost.Reader.AdvanceTo(end);
        if (bytes == 0)
            return;
        uint consumed = Interlocked.Add(ref _consumed, (uint)bytes);
        uint unannounced = consumed - State.AnnouncedForward;
        // In virtual time the machine decides, from what it knows when it looks.
        if (unannounced >= WorthAnnouncing || _host.DefersPublishing)
            Attend();
    }

    /// <summary>Puts bytes on their way; completes when there is room for more.</summary>
    public ValueTask<FlushResult> WriteAsync(ReadOnlySpan<byte> bytes, CancellationToken cancellationToken)
    {
        _toGuest.Writer.Write(bytes);
        ValueTask<FlushResult> flush = _toGuest.Writer.FlushAsync(cancellationToken);
        // Before waiting for room: the machine has to be told that there is something to take.
        Attend();
        if (!flush.IsCompleted && _hostEnd.IsFollowed)
        {
            lock (_hostEnd.Lock)
            {
                if (!flush.IsCompleted)
                    _hostEnd.Writes(true);
            }
        }

        return flush;
    }

    public void CancelRead() => _toHost.Reader.CancelPendingRead();

    public void CancelWrite() => _toGuest.Writer.CancelPendingFlush();

    public void Accept()
    {
        _accepted = true;
        Attend();
    }

    /// <summary>Accepts on the machine's side, before the host has seen it.</summary>
    public void AcceptAtOnce() => _seen.Accepted = _accepted = true;

    /// <summary>Ends the connection at once: what is on its way is lost.</summary>
    public void Abort()
    {
        _failure ??= new VsockException(VsockError.Aborted, $"{Describe()} was aborted by this side.");
        _aborted = true;
        Attend();
    }

    /// <summary>The host's program will neither read nor write again; what it wrote still goes out.</summary>
    public void HostLeaves()
    {
        _hostGone = true;
        Attend();
    }

    /// <summary>No more is read; once, and not while a read goes on.</summary>
    public void CompleteInput() => _toHost.Reader.Complete();

    /// <summary>No more is written; once, and not while a write goes on.</summary>
    public void CompleteOutput()
    {
        _toGuest.Writer.Complete();
        Attend();
    }

    /// <summary>Makes the machine look at the connection soon.</summary>
    public void Attend()
    {
        if (Interlocked.Exchange(ref _attention, 1) == 0)
            _host.Attend(this);
    }

    /// <summary>For messages: "The vsock connection from port 1024 to the enclave's port 5000".</summary>
    public string Describe() => $"The vsock connection between the host's port {Key.HostPort} and the enclave's port {Key.GuestPort}";

    // ---- the machine's side, under its lock ----

    /// <summary>What the host has done since the machine looked last; what comes from now on is announced again.</summary>
    /// <returns>The host's wishes now, and the bytes that came since.</returns>
    public VsockHostChange TakeHostChange()
    {
        Volatile.Write(ref _attention, 0);
        Interlocked.MemoryBarrier();
        _seen.Consumed = Volatile.Read(ref _consumed);
        _seen.Accepted = _accepted;
        _seen.Aborted = _aborted;
        _seen.HostGone = _hostGone;
        _seen.Data = default;
        if (!_outputClosed && _toGuest.Reader.TryRead(out ReadResult result))
        {
            _seen.OutputEnded = result.IsCompleted;
            _seen.Data = result.Buffer.Slice(_taken + _visible);
            _visible = result.Buffer.Length - _taken;
            _toGuest.Reader.AdvanceTo(result.Buffer.Start);
        }

        return _seen;
    }

    /// <summary>Does what the host did when the run was recorded that is played now.</summary>
    public void Replay(VsockHostChange change)
    {
        if (change.Aborted)
            _failure ??= new VsockException(VsockError.Aborted, $"{Describe()} was aborted by this side.");
        if (!_outputClosed && !change.Data.IsEmpty)
        {
            foreach (ReadOnlyMemory<byte> piece in change.Data)
                _toGuest.Writer.Write(piece.Span);
            // Nobody waits for room: what is played was taken into this pipe before.
            _ = _toGuest.Writer.FlushAsync();
            _visible += change.Data.Length;
        }

        _seen = change with { Data = default };
    }

    /// <summary>Whether the host wants it reset: by abortion, or because nobody will ever accept it.</summary>
    public bool WantsAbort => _seen.Aborted || (State.Phase == VsockPhase.Requested && _seen.HostGone && !_seen.Accepted);

    // Half a window: the enclave need not wait, and is not told of every byte.
    private uint WorthAnnouncing => (State.ReceiveWindow + 1) / 2;

    /// <summary>What the host has taken for good. Once its program is gone all that comes is dropped, so that the enclave can go on
    /// until it has everything that was written to it; then it gets no more credit.</summary>
    private uint Forward => State.Shutdown == ShutdownBoth ? State.AnnouncedForward : _seen.HostGone ? State.Received : Taken;

    // Where the host is seen at any time, as it is now.
    private uint Taken => _host.DefersPublishing ? _seen.Consumed : Volatile.Read(ref _consumed);

    /// <summary>Takes over what every packet says about the enclave's buffers.</summary>
    public void UpdatePeer(in VsockHeader header)
    {
        State.PeerWindow = header.BufferAllocation;
        State.PeerForward = header.ForwardCount;
        // Asked once while it has no room: it tells by itself when it has.
        if (State.Credit > 0)
            State.CreditRequested = false;
    }

    /// <summary>Says how the host gets to know of a connection that the enclave opened.</summary>
    public void Announce(Action announcement)
    {
        _announcement = announcement;
        PublishLater();
    }

    public void Open()
    {
        State.Phase = VsockPhase.Open;
        _openDue = true;
        PublishLater();
    }

    /// <summary>Takes the data of a packet.</summary>
    /// <returns>False if the enclave sent more than it may.</returns>
    public bool Receive(DescriptorChain chain, uint length)
    {
        uint held = State.Received - Forward;
        if (length > State.ReceiveWindow || held > State.ReceiveWindow - length)
            return false;
        State.Received += length;
        if (_seen.HostGone || _host.DropsInput)
            return true;
        uint done = 0;
        while (done < length)
        {
            Span<byte> span = _toHost.Writer.GetSpan();
            int count = chain.Read(VsockHeader.Size + done, span[..(int)Math.Min((uint)span.Length, length - done)]);
            Journal?.Said(Key, fromGuest: true, span[..count]);
            _toHost.Writer.Advance(count);
            done += (uint)count;
        }

        _flushDue = true;
        PublishLater();
        return true;
    }

    /// <summary>Bytes of the enclave that do not come in a packet.</summary>
    public void Deliver(ReadOnlySpan<byte> bytes)
    {
        State.Received += (uint)bytes.Length;
        _toHost.Writer.Write(bytes);
        _ = _toHost.Writer.FlushAsync();
    }

    /// <summary>What the host's program has written and no packet has taken yet.</summary>
    public PipeReader Sent => _toGuest.Reader;

    public void PeerShutdown(uint flags)
    {
        State.PeerShutdown |= flags & ShutdownBoth;
        if ((State.PeerShutdown & VsockHeader.ShutdownSend) != 0)
        {
            _inputEndDue = true;
            Journal?.GuestEnded(Key);
        }

        if ((State.PeerShutdown & VsockHeader.ShutdownReceive) != 0)
            CloseOutput();
        PublishLater();
    }

    /// <summary>Whether the enclave has said that it neither sends nor receives any more.</summary>
    public bool PeerIsGone => State.PeerShutdown == ShutdownBoth;

    /// <summary>Whether the host's program has left.</summary>
    public bool HostIsGone => _seen.HostGone;

    /// <summary>Ends the connection; what the host has not read yet stays readable, then it gets the failure.</summary>
    public void Close(VsockException? failure)
    {
        if (State.Phase == VsockPhase.Closed)
            return;
        State.Phase = VsockPhase.Closed;
        Journal?.Closed(Key);
        _failure ??= failure;
        CloseOutput();
        _closeDue = true;
        PublishLater();
    }

    /// <summary>Lets the host see what has happened here.</summary>
    public void Publish()
    {
        _publishes = false;
        if (_announcement is { } announcement)
        {
            _announcement = null;
            _hostEnd.Begin();
            announcement();
        }

        if (_openDue)
        {
            _openDue = false;
            _hostEnd.Connects(false);
            _opened.TrySetResult();
        }

        lock (_hostEnd.Lock)
        {
            bool inputEnds = (_inputEndDue || _closeDue) && !_closed;
            // Before the host's program can go on: it has something to do from here on.
            if (_flushDue || inputEnds)
                _hostEnd.Reads(false);
            if (_flushDue)
            {
                _flushDue = false;
                // Never waits: the enclave's credit, not the pipe, limits what is held.
                _ = _toHost.Writer.FlushAsync();
            }

            if (inputEnds)
            {
                _inputEnded |= _inputEndDue;
                _closed = true;
                _toHost.Writer.Complete();
            }

            if (_outputCloseDue)
            {
                _outputCloseDue = false;
                _hostEnd.Writes(false);
                _toGuest.Reader.Complete();
            }
            else if (_taken > 0)
            {
                GiveRoom();
            }
        }

        if (!_closeDue)
            return;
        _closeDue = false;
        _hostEnd.Connects(false);
        _opened.TrySetException(_failure ?? new VsockException(VsockError.ConnectionReset, $"{Describe()} ended before it was open."));
        // Connects that were given up are nobody's to observe.
        _ = _opened.Task.Exception;
    }

    /// <summary>The packet that is due next; null if there is none.</summary>
    public VsockOperation? NextOperation()
    {
        switch (State.Phase)
        {
            case VsockPhase.Closed:
                return null;
            case VsockPhase.Connecting:
                return State.Introduced ? null : VsockOperation.Request;
            case VsockPhase.Requested:
                return _seen.Accepted ? VsockOperation.Response : null;
        }

        if (Forward - State.AnnouncedForward >= WorthAnnouncing)
            State.CreditUpdateDue = true;
        bool peerReceives = (State.PeerShutdown & VsockHeader.ShutdownReceive) == 0;
        if (peerReceives && (State.Shutdown & VsockHeader.ShutdownSend) == 0)
        {
            bool hasData = _visible > 0;
            if (hasData && State.Credit > 0)
                return VsockOperation.ReadWrite;
            if (!hasData && _seen.OutputEnded)
                return VsockOperation.Shutdown;
            if (hasData && !State.CreditRequested)
                return VsockOperation.CreditRequest;
        }
        else if (_seen.HostGone && State.Shutdown != ShutdownBoth)
        {
            return VsockOperation.Shutdown;
        }

        return State.CreditUpdateDue ? VsockOperation.CreditUpdate : null;
    }

    /// <summary>Writes the due packet into a chain and notes that it went out.</summary>
    /// <returns>How many bytes it has.</returns>
    public uint Produce(VsockOperation operation, DescriptorChain chain, ulong guestCid)
    {
        uint length = 0, flags = 0;
        switch (operation)
        {
            case VsockOperation.Request:
                State.Introduced = true;
                break;
            case VsockOperation.Response:
                State.Introduced = true;
                Open();
                break;
            case VsockOperation.ReadWrite:
                length = ProduceData(chain);
                break;
            case VsockOperation.Shutdown:
                flags = _seen.HostGone ? ShutdownBoth : VsockHeader.ShutdownSend;
                break;
            case VsockOperation.CreditRequest:
                State.CreditRequested = true;
                break;
        }

        uint forward = Forward;
        State.AnnouncedForward = forward;
        State.CreditUpdateDue = false;
        State.Shutdown |= flags;
        if ((flags & VsockHeader.ShutdownSend) != 0)
            Journal?.HostEnded(Key);
        var header = new VsockHeader(Key.HostCid, guestCid, Key.HostPort, Key.GuestPort, length, VsockHeader.StreamType, operation, flags, State.ReceiveWindow, forward);
        Span<byte> bytes = stackalloc byte[VsockHeader.Size];
        header.Write(bytes);
        chain.Write(0, bytes);
        return VsockHeader.Size + length;
    }

    private uint ProduceData(DescriptorChain chain)
    {
        _toGuest.Reader.TryRead(out ReadResult result);
        long count = Math.Min(_visible, Math.Min(State.Credit, chain.WritableLength - VsockHeader.Size));
        uint offset = VsockHeader.Size;
        foreach (ReadOnlyMemory<byte> piece in result.Buffer.Slice(_taken, count))
        {
            offset += (uint)chain.Write(offset, piece.Span);
            Journal?.Said(Key, fromGuest: false, piece.Span);
        }

        _toGuest.Reader.AdvanceTo(result.Buffer.Start);
        _visible -= count;
        _taken += count;
        State.Sent += (uint)count;
        PublishLater();
        return (uint)count;
    }

    // The host's writer goes on when there is room again.
    private void GiveRoom()
    {
        _toGuest.Reader.TryRead(out ReadResult result);
        if (result.Buffer.Length - _taken < ResumeWriting)
            _hostEnd.Writes(false);
        _toGuest.Reader.AdvanceTo(result.Buffer.GetPosition(_taken));
        _taken = 0;
    }

    private void CloseOutput()
    {
        if (_outputClosed)
            return;
        _outputClosed = _outputCloseDue = true;
        _visible = 0;
    }

    private void PublishLater()
    {
        if (_publishes)
            return;
        _publishes = true;
        _host.Publish(this);
    }
}
