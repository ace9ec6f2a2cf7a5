using System.Buffers;
using System.IO.Pipelines;
using EnclaveTesting.Engine.Devices.Virtio;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>
/// One connection: the protocol's state, which only the machine touches, and two pipes to the host's stream. What the host wants
/// is left in a few flags and announced by <see cref="Attend"/>; the machine looks at them when it does the host's work.
/// </summary>
internal sealed class VsockConnection
{
    private const int SendBuffer = 256 * 1024;
    private const uint ShutdownBoth = VsockHeader.ShutdownReceive | VsockHeader.ShutdownSend;

    private static readonly PipeOptions ToHost = new(pauseWriterThreshold: 0, resumeWriterThreshold: 0, useSynchronizationContext: false);
    private static readonly PipeOptions ToGuest = new(pauseWriterThreshold: SendBuffer, resumeWriterThreshold: SendBuffer / 2, useSynchronizationContext: false);

    private readonly VsockHost _host;
    private readonly Pipe _toHost = new(ToHost);
    private readonly Pipe _toGuest = new(ToGuest);
    private readonly TaskCompletionSource _opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _attention;
    private uint _consumed;
    private volatile bool _accepted, _aborted, _hostGone, _inputEnded;
    private volatile VsockException? _failure;

    public VsockConnection(VsockHost host, VsockKey key, VsockPhase phase, int receiveWindow)
    {
        _host = host;
        State = new VsockConnectionState(key) { Phase = phase, ReceiveWindow = (uint)receiveWindow };
    }

    /// <summary>Only the machine touches it.</summary>
    public VsockConnectionState State { get; }

    /// <summary>Where what is said is written down; null where it is not. Only the machine touches it.</summary>
    public VsockJournal? Journal { get; set; }

    /// <summary>Whether it waits for its turn to send; only the machine touches it.</summary>
    public bool Queued { get; set; }

    public VsockKey Key => State.Key;

    /// <summary>What the enclave sent; ends when it has closed, was lost, or the host gave up.</summary>
    public PipeReader Input => _toHost.Reader;

    /// <summary>What goes to the enclave.</summary>
    public PipeWriter Output => _toGuest.Writer;

    /// <summary>Completes when both sides agreed, fails when that will not happen.</summary>
    public Task Opened => _opened.Task;

    /// <summary>Why the connection was lost; null while it is in order and after an orderly end.</summary>
    public VsockException? Failure => _failure;

    /// <summary>Whether an input that has ended did so because the enclave sends no more, whatever came after that.</summary>
    public bool EndedInOrder => _inputEnded || _failure is null;

    /// <summary>Whether no more will come from the enclave.</summary>
    public bool HasEnded => _inputEnded || State.Phase == VsockPhase.Closed;

    // ---- the host's side, any thread ----

    /// <summary>Notes that the host's program has taken bytes; tells the enclave when that is worth a packet.</summary>
    public void Consumed(int bytes)
    {
        uint consumed = Interlocked.Add(ref _consumed, (uint)bytes);
        uint unannounced = consumed - State.AnnouncedForward;
        if (unannounced >= WorthAnnouncing)
            Attend();
    }

    public void Accept()
    {
        _accepted = true;
        Attend();
    }

    /// <summary>Accepts on the machine's side, before the host has seen it.</summary>
    public void AcceptAtOnce() => _accepted = true;

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

    /// <summary>No more is read from <see cref="Input"/>; once, and not while it is in use.</summary>
    public void CompleteInput() => Input.Complete();

    /// <summary>No more is written to <see cref="Output"/>; once, and not while it is in use.</summary>
    public void CompleteOutput()
    {
        Output.Complete();
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

    /// <summary>The machine is looking: what comes from now on is announced again.</summary>
    public void TakeAttention()
    {
        Volatile.Write(ref _attention, 0);
        Interlocked.MemoryBarrier();
    }

    /// <summary>Whether the host wants it reset: by abortion, or because nobody will ever accept it.</summary>
    public bool WantsAbort => _aborted || (State.Phase == VsockPhase.Requested && _hostGone && !_accepted);

    // Half a window: the enclave need not wait, and is not told of every byte.
    private uint WorthAnnouncing => (State.ReceiveWindow + 1) / 2;

    /// <summary>What the host has taken for good. Once its program is gone all that comes is dropped, so that the enclave can go on
    /// until it has everything that was written to it; then it gets no more credit.</summary>
    private uint Forward => State.Shutdown == ShutdownBoth ? State.AnnouncedForward : _hostGone ? State.Received : Volatile.Read(ref _consumed);

    /// <summary>Takes over what every packet says about the enclave's buffers.</summary>
    public void UpdatePeer(in VsockHeader header)
    {
        State.PeerWindow = header.BufferAllocation;
        State.PeerForward = header.ForwardCount;
        // Asked once while it has no room: it tells by itself when it has.
        if (State.Credit > 0)
            State.CreditRequested = false;
    }

    public void Open()
    {
        State.Phase = VsockPhase.Open;
        _opened.TrySetResult();
    }

    /// <summary>Takes the data of a packet.</summary>
    /// <returns>False if the enclave sent more than it may.</returns>
    public bool Receive(DescriptorChain chain, uint length)
    {
        uint held = State.Received - Forward;
        if (length > State.ReceiveWindow || held > State.ReceiveWindow - length)
            return false;
        State.Received += length;
        if (_hostGone)
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

        // Never waits: the enclave's credit, not the pipe, limits what is held.
        _ = _toHost.Writer.FlushAsync();
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
            _inputEnded = true;
            _toHost.Writer.Complete();
            Journal?.GuestEnded(Key);
        }

        if ((State.PeerShutdown & VsockHeader.ShutdownReceive) != 0)
            _toGuest.Reader.Complete();
    }

    /// <summary>Whether the enclave has said that it neither sends nor receives any more.</summary>
    public bool PeerIsGone => State.PeerShutdown == ShutdownBoth;

    /// <summary>Whether the host's program has left.</summary>
    public bool HostIsGone => _hostGone;

    /// <summary>Ends the connection; what the host has not read yet stays readable, then it gets the failure.</summary>
    public void Close(VsockException? failure)
    {
        if (State.Phase == VsockPhase.Closed)
            return;
        State.Phase = VsockPhase.Closed;
        Journal?.Closed(Key);
        _failure ??= failure;
        _toHost.Writer.Complete();
        _toGuest.Reader.Complete();
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
                return _accepted ? VsockOperation.Response : null;
        }

        if (Forward - State.AnnouncedForward >= WorthAnnouncing)
            State.CreditUpdateDue = true;
        bool peerReceives = (State.PeerShutdown & VsockHeader.ShutdownReceive) == 0;
        if (peerReceives && (State.Shutdown & VsockHeader.ShutdownSend) == 0)
        {
            bool any = _toGuest.Reader.TryRead(out ReadResult result);
            bool hasData = any && !result.Buffer.IsEmpty, ended = any && result.IsCompleted && result.Buffer.IsEmpty;
            if (any)
                _toGuest.Reader.AdvanceTo(result.Buffer.Start);
            if (hasData && State.Credit > 0)
                return VsockOperation.ReadWrite;
            if (ended)
                return VsockOperation.Shutdown;
            if (hasData && !State.CreditRequested)
                return VsockOperation.CreditRequest;
        }
        else if (_hostGone && State.Shutdown != ShutdownBoth)
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
                flags = _hostGone ? ShutdownBoth : VsockHeader.ShutdownSend;
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
        ReadOnlySequence<byte> data = result.Buffer;
        long count = Math.Min(data.Length, Math.Min(State.Credit, chain.WritableLength - VsockHeader.Size));
        data = data.Slice(0, count);
        uint offset = VsockHeader.Size;
        foreach (ReadOnlyMemory<byte> piece in data)
        {
            offset += (uint)chain.Write(offset, piece.Span);
            Journal?.Said(Key, fromGuest: false, piece.Span);
        }

        _toGuest.Reader.AdvanceTo(data.End);
        State.Sent += (uint)count;
        return (uint)count;
    }
}
