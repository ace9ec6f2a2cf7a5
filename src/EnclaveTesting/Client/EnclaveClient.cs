using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting;

/// <summary>
/// Requests and replies on one connection to the enclave, which is made with the first request and again after it was lost. Requests from
/// several threads take turns.
/// </summary>
public sealed class EnclaveClient<TRequest, TReply> : IAsyncDisposable
{
    private readonly Enclave _enclave;
    private readonly Codec _codec;
    private readonly SemaphoreSlim _turn = new(1, 1);
    private VsockStream? _stream;
    private PipeReader? _reader;
    private Transcript _sent = new(), _received = new();

    internal EnclaveClient(Enclave enclave, uint port, Codec codec)
    {
        ArgumentNullException.ThrowIfNull(codec);
        _enclave = enclave;
        _codec = codec;
        Port = port;
        Timeout = enclave.OperationTimeout;
    }

    /// <summary>The enclave's port.</summary>
    public uint Port { get; }

    /// <summary>How long a request may take, connecting included.</summary>
    public TimeSpan Timeout { get; set; }

    /// <summary>How often a request is sent anew, on a new connection, after a connection was refused or lost; 0 by default.</summary>
    public int Retries { get; set; }

    /// <summary>Sends a request and waits for its reply.</summary>
    /// <exception cref="EnclaveTimeoutException">No reply in time; the message shows what was sent and received.</exception>
    /// <exception cref="EnclaveExitedException">The enclave has ended.</exception>
    /// <exception cref="VsockException">The connection was refused or lost.</exception>
    /// <exception cref="EndOfStreamException">The enclave closed before it had replied.</exception>
    /// <exception cref="InvalidDataException">The reply could not be decoded.</exception>
    public async Task<TReply> SendAsync(TRequest request, CancellationToken cancellationToken = default)
    {
        await foreach (TReply reply in ExchangeAsync(request, static _ => false, cancellationToken).ConfigureAwait(false))
            return reply;
        throw new InvalidOperationException("An exchange ends with a reply.");
    }

    /// <summary>Sends a request and gives replies as they come, as long as a predicate says that more will follow the last one.</summary>
    /// <inheritdoc cref="SendAsync"/>
    public IAsyncEnumerable<TReply> StreamAsync(TRequest request, Func<TReply, bool> hasMore, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hasMore);
        return ExchangeAsync(request, hasMore, cancellationToken);
    }

    /// <summary>Opens a connection on which many requests may be under way, told apart by an id that their replies repeat.</summary>
    /// <inheritdoc cref="Enclave.ConnectAsync"/>
    public async Task<CorrelatedClient<TRequest, TReply, TId>> Correlate<TId>(Func<TRequest, TId> idOfRequest, Func<TReply, TId> idOfReply, CancellationToken cancellationToken = default)
        where TId : notnull
    {
        ArgumentNullException.ThrowIfNull(idOfRequest);
        ArgumentNullException.ThrowIfNull(idOfReply);
        VsockStream stream = await _enclave.ConnectStreamAsync(Port, cancellationToken).ConfigureAwait(false);
        return new CorrelatedClient<TRequest, TReply, TId>(_enclave, _codec, stream, Timeout, idOfRequest, idOfReply);
    }

    /// <summary>Closes the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        await DropAsync().ConfigureAwait(false);
        _turn.Release();
    }

    private async IAsyncEnumerable<TReply> ExchangeAsync(TRequest request, Func<TReply, bool> hasMore, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        bool finished = false;
        try
        {
            TReply reply = await WithRetriesAsync(request, cancellationToken).ConfigureAwait(false);
            while (true)
            {
                bool more = hasMore(reply);
                finished = !more;
                yield return reply;
                if (!more)
                    yield break;
                reply = await WithDeadlineAsync("the next reply", ReceiveAsync, cancellationToken).ConfigureAwait(false);
            }
        }
        finally
        {
            // Replies that nobody took would answer the next request.
            if (!finished)
                await DropAsync().ConfigureAwait(false);
            _turn.Release();
        }
    }

    private async Task<TReply> WithRetriesAsync(TRequest request, CancellationToken cancellationToken)
    {
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return await WithDeadlineAsync("a reply", token => ExchangeOnceAsync(request, token), cancellationToken).ConfigureAwait(false);
            }
            catch (Exception exception) when (attempt < Retries && exception is VsockException or EndOfStreamException)
            {
                await DropAsync().ConfigureAwait(false);
            }
        }
    }

    private async Task<TReply> ExchangeOnceAsync(TRequest request, CancellationToken cancellationToken)
    {
        if (_stream is null)
        {
            _sent = new Transcript();
            _received = new Transcript();
            _stream = await _enclave.ConnectStreamAsync(Port, cancellationToken).ConfigureAwait(false);
            _stream.ReadsAreAwaited = true;
            _reader = PipeReader.Create(_stream, new StreamPipeReaderOptions(leaveOpen: true));
        }

        var output = new ArrayBufferWriter<byte>();
        _codec.Encode(request, output);
        _sent.Add(output.WrittenSpan);
        await _stream.WriteAsync(output.WrittenMemory, cancellationToken).ConfigureAwait(false);
        return await ReceiveAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task<TReply> ReceiveAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            ReadResult result = await _reader!.ReadAsync(cancellationToken).ConfigureAwait(false);
            ReadOnlySequence<byte> received = result.Buffer;
            bool decoded = _codec.TryDecode(ref received, out TReply reply);
            if (decoded)
            {
                foreach (ReadOnlyMemory<byte> piece in result.Buffer.Slice(0, received.Start))
                    _received.Add(piece.Span);
                _reader.AdvanceTo(received.Start);
                return reply;
            }

            _reader.AdvanceTo(received.Start, received.End);
            if (result.IsCompleted)
                throw new EndOfStreamException($"The enclave closed port {Port} before it had replied (sent: {_sent}; received: {_received}, then {received.Length} bytes that are no whole reply).");
        }
    }

    private Task<T> WithDeadlineAsync<T>(string awaited, Func<CancellationToken, Task<T>> operation, CancellationToken cancellationToken) =>
        Deadline.RunAsync(_enclave, Timeout, () => $"{awaited} on port {Port} (sent: {_sent}; received: {_received})", operation, cancellationToken);

    private async ValueTask DropAsync()
    {
        if (_reader is not null)
            await _reader.CompleteAsync().ConfigureAwait(false);
        if (_stream is not null)
            await _stream.DisposeAsync().ConfigureAwait(false);
        _reader = null;
        _stream = null;
    }
}
