using System.Text;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>The parent's end of one connection from the enclave, as scripts and handlers use it. What passes is recorded.</summary>
public sealed class ParentPeer
{
    private readonly VsockStream _stream;
    private readonly MicroVm _machine;
    private readonly VsockRehearsal? _rehearsal;
    private readonly LineReader _reader;
    private readonly Dialogue _dialogue = new();
    private bool _writingEnded;

    /// <param name="stream">The connection.</param>
    /// <param name="forwards">Where it may be passed on to.</param>
    /// <param name="machine">The enclave's.</param>
    /// <param name="rehearsal">What the connection is part of; null where an enclave is at its other end.</param>
    internal ParentPeer(VsockStream stream, ForwardAllowList forwards, MicroVm machine, VsockRehearsal? rehearsal = null)
    {
        _rehearsal = rehearsal;
        _stream = stream;
        _machine = machine;
        Forwards = forwards;
        _reader = new LineReader(stream, received => _dialogue.Add(fromEnclave: true, received));
    }

    private ParentPeer(ParentPeer original)
        : this(original._stream, original.Forwards, original._machine)
    {
        _reader.Received.Add(original.Received);
        Sent.Add(original.Sent);
        _dialogue.Add(original._dialogue);
    }

    /// <summary>The parent's port.</summary>
    public uint Port => _stream.HostPort;

    /// <summary>The enclave's port.</summary>
    public uint GuestPort => _stream.GuestPort;

    internal ForwardAllowList Forwards { get; }

    internal TimeProvider AttestationTime => _machine.AttestationTime;

    /// <summary>Whether the enclave sends no more, which the script may not have seen yet.</summary>
    internal bool HasEnded => _stream.HasEnded;

    internal WriteFaults Faults { get; set; } = new();

    internal Dialogue Dialogue => _dialogue;

    internal Transcript Received => _reader.Received;

    internal Transcript Sent { get; } = new();

    /// <summary>Reads what is there, at least one byte; 0 at the end.</summary>
    public Task<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => _reader.ReadAsync(buffer, cancellationToken);

    /// <summary>Reads exactly so many bytes.</summary>
    /// <exception cref="EndOfStreamException">The enclave closed before.</exception>
    public Task<byte[]> ReadExactlyAsync(int count, CancellationToken cancellationToken = default) => _reader.ReadExactlyAsync(count, cancellationToken);

    /// <summary>Reads a line without its end (LF or CR LF); null at the end of the connection.</summary>
    public Task<string?> ReadLineAsync(CancellationToken cancellationToken = default) => _reader.ReadLineAsync(cancellationToken);

    /// <summary>Reads until the enclave sends no more.</summary>
    public Task<byte[]> ReadToEndAsync(CancellationToken cancellationToken = default) => _reader.ReadToEndAsync(cancellationToken);

    /// <summary>Waits for the next byte without taking it; false at the end.</summary>
    internal Task<bool> HasMoreAsync(CancellationToken cancellationToken) => _reader.HasMoreAsync(cancellationToken);

    /// <summary>Sends bytes, with the faults that the script asked for.</summary>
    public async Task WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken = default)
    {
        while (!bytes.IsEmpty && !_writingEnded)
        {
            long sent = Sent.Count;
            long? limit = Faults.ResetAfter ?? Faults.CloseAfter;
            int size = (int)Math.Min(Math.Min(bytes.Length, Faults.PieceSize ?? int.MaxValue), limit - sent ?? int.MaxValue);
            if (size <= 0)
            {
                EndWriting();
                return;
            }

            ReadOnlyMemory<byte> piece = bytes[..size];
            bytes = bytes[size..];
            if (Faults.CorruptAt is long at && at >= sent && at < sent + size)
            {
                byte[] corrupted = piece.ToArray();
                corrupted[at - sent] ^= 1;
                piece = corrupted;
            }

            Sent.Add(piece.Span);
            _dialogue.Add(fromEnclave: false, piece.Span);
            await _stream.WriteAsync(piece, cancellationToken).ConfigureAwait(false);
            if (limit is not null && Sent.Count >= limit)
                EndWriting();
            if (Faults.Pause > TimeSpan.Zero)
                await DelayAsync(Faults.Pause, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Sends text in UTF-8.</summary>
    public Task WriteAsync(string text, CancellationToken cancellationToken = default) => WriteAsync(Encoding.UTF8.GetBytes(text), cancellationToken);

    /// <summary>Sends text and a line feed.</summary>
    public Task WriteLineAsync(string line, CancellationToken cancellationToken = default) => WriteAsync(line + "\n", cancellationToken);

    /// <summary>Passes the connection on to a TCP server of the host, until both sides have closed.</summary>
    /// <exception cref="IOException">The parent's allow list does not have the server, or it cannot be reached.</exception>
    public Task ForwardToAsync(string host, int port, CancellationToken cancellationToken = default) =>
        ParentForward.RunAsync(this, ForwardAllowList.Server(host, port), connected: null, cancellationToken);

    /// <summary>The connection as a stream, for protocols that want one.</summary>
    public Stream AsStream() => new ParentPeerStream(this);

    /// <summary>Sends no more; reading goes on (half-close).</summary>
    public void CompleteWriting()
    {
        if (_writingEnded)
            return;
        _writingEnded = true;
        _stream.CompleteWriting();
    }

    /// <summary>Resets the connection (RST).</summary>
    public void Abort()
    {
        _writingEnded = true;
        _stream.Abort();
    }

    /// <summary>What has passed so far, to be read only.</summary>
    internal ParentPeer ToRecord() => new(this);

    /// <summary>Waits until a time has passed in the enclave.</summary>
    internal Task DelayAsync(TimeSpan time, CancellationToken cancellationToken) =>
        _rehearsal?.PassAsync(Sent.Count, cancellationToken) ?? _machine.DelayAsync(time, isAwaited: false, _stream.Park, cancellationToken);

    /// <summary>Does nothing any more.</summary>
    internal async Task HangAsync(CancellationToken cancellationToken)
    {
        _stream.Park(true);
        await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What follows depends on somebody outside, in whose time the enclave lives until the scope is disposed.</summary>
    internal IDisposable DependOnOutside()
    {
        _stream.Park(true);
        return _machine.Host.DependOnOutside();
    }

    private void EndWriting()
    {
        if (Faults.ResetAfter is not null)
            Abort();
        else
            CompleteWriting();
    }
}
