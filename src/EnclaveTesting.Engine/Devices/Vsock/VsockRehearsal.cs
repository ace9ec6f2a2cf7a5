using System.Buffers;
using System.IO.Pipelines;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>A connection without an enclave: the parent's end is as any other, the enclave's part is spoken from a journal.</summary>
internal sealed class VsockRehearsal
{
    private readonly VsockConnection _connection;
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly long _heard;
    private readonly bool _heardEnd;
    private bool _isLost;

    /// <param name="entry">The connection as it was.</param>
    public VsockRehearsal(VsockJournalEntry entry)
    {
        VsockKey key = entry.Key;
        _heard = entry.Turns.Where(turn => !turn.FromGuest).Sum(turn => turn.Bytes.Length);
        _heardEnd = entry.HostEnded || entry.HostReset;
        // A host that no machine serves: what the parent's end announces to it is heard by nobody.
        _connection = new VsockConnection(new VsockHost(new Cid(key.HostCid)), key, VsockPhase.Requested, VsockListenOptions.DefaultReceiveWindow);
        _connection.Open();
        Stream = new VsockStream(_connection);
    }

    /// <summary>The parent's end.</summary>
    public VsockStream Stream { get; }

    /// <summary>Whether it was lost before its end.</summary>
    public bool IsLost => Volatile.Read(ref _isLost);

    /// <summary>Whether the parent has reset the connection; before <see cref="Close"/>.</summary>
    public bool IsReset => _connection.Failure is { Error: VsockError.Aborted };

    /// <summary>Lets the parent's pause pass: at once if the enclave had heard what followed it, else it lasts until the connection is over.</summary>
    /// <param name="said">How many bytes the parent has sent before.</param>
    /// <param name="cancellationToken">Ends the pause.</param>
    public Task PassAsync(long said, CancellationToken cancellationToken) => said < _heard || _heardEnd ? Task.CompletedTask : _over.Task.WaitAsync(cancellationToken);

    /// <summary>Speaks for the enclave.</summary>
    public void Say(ReadOnlySpan<byte> bytes) => _connection.Deliver(bytes);

    /// <summary>Waits for what the enclave heard from its parent.</summary>
    /// <returns>False if the parent says something else, or ends before.</returns>
    public async Task<bool> HearAsync(ReadOnlyMemory<byte> expected, CancellationToken cancellationToken)
    {
        while (!expected.IsEmpty)
        {
            ReadResult result = await _connection.Sent.ReadAsync(cancellationToken).ConfigureAwait(false);
            ReadOnlySequence<byte> heard = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, expected.Length));
            bool same = heard.ToArray().AsSpan().SequenceEqual(expected.Span[..(int)heard.Length]);
            expected = expected[(int)heard.Length..];
            bool ended = result.IsCompleted && heard.IsEmpty;
            _connection.Sent.AdvanceTo(heard.End);
            if (!same || ended)
                return false;
        }

        return true;
    }

    /// <summary>Waits until the parent sends no more.</summary>
    /// <returns>False if it sends something first.</returns>
    public async Task<bool> HearEndAsync(CancellationToken cancellationToken)
    {
        ReadResult result = await _connection.Sent.ReadAsync(cancellationToken).ConfigureAwait(false);
        bool more = !result.Buffer.IsEmpty;
        _connection.Sent.AdvanceTo(result.Buffer.End);
        return !more;
    }

    /// <summary>The enclave sends no more.</summary>
    public void EndSaying() => _connection.PeerShutdown(VsockHeader.ShutdownSend);

    /// <summary>The connection is over: in order, or lost where a reason is given.</summary>
    public void Close(string? lostBecause)
    {
        Volatile.Write(ref _isLost, lostBecause is not null);
        _connection.Close(lostBecause is null ? null : new VsockException(VsockError.ConnectionReset, $"{_connection.Describe()} was lost: {lostBecause}."));
        _over.TrySetResult();
    }
}
