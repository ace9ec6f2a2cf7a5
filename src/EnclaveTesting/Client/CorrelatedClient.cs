using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>
/// Requests and replies on one connection where a reply says which request it answers: any number may be under way, and replies may come in
/// any order. Made by <see cref="EnclaveClient{TRequest, TReply}.Correlate"/>.
/// </summary>
public sealed class CorrelatedClient<TRequest, TReply, TId> : IAsyncDisposable
    where TId : notnull
{
    private readonly Enclave _enclave;
    private readonly Codec _codec;
    private readonly VsockStream _stream;
    private readonly Func<TRequest, TId> _idOfRequest;
    private readonly Func<TReply, TId> _idOfReply;
    private readonly ConcurrentDictionary<TId, TaskCompletionSource<TReply>> _pending = [];
    private readonly SemaphoreSlim _writing = new(1, 1);
    private readonly HostWaits _waits;
    private readonly Task _reading;
    private volatile Exception? _failure;

    internal CorrelatedClient(Enclave enclave, Codec codec, VsockStream stream, TimeSpan timeout, Func<TRequest, TId> idOfRequest, Func<TReply, TId> idOfReply)
    {
        _enclave = enclave;
        _codec = codec;
        _stream = stream;
        _idOfRequest = idOfRequest;
        _idOfReply = idOfReply;
        Timeout = timeout;
        _waits = new HostWaits(enclave.Machine.Host);
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>How long a request may take.</summary>
    public TimeSpan Timeout { get; set; }

    /// <summary>Replies that belonged to no request under way.</summary>
    public int UnmatchedReplies { get; private set; }

    /// <summary>Sends a request and waits for the reply with its id.</summary>
    /// <exception cref="InvalidOperationException">A request with the same id is under way.</exception>
    /// <exception cref="EnclaveTimeoutException">The reply did not come in time.</exception>
    /// <exception cref="EnclaveExitedException">The enclave has ended.</exception>
    /// <exception cref="IOException">The connection was lost.</exception>
    public async Task<TReply> SendAsync(TRequest request, CancellationToken cancellationToken = default)
    {
        TId id = _idOfRequest(request);
        var reply = new TaskCompletionSource<TReply>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_pending.TryAdd(id, reply))
            throw new InvalidOperationException($"A request with the id {id} is under way.");
        try
        {
            return await Deadline.RunAsync(_enclave, Timeout, () => $"the reply to request {id} on port {_stream.GuestPort} ({_pending.Count - 1} others under way)", async token =>
            {
                if (_failure is { } failure)
                    throw Lost(failure);
                await WriteAsync(request, token).ConfigureAwait(false);
                using HostWait waiting = _waits.Begin();
                // It may have come before the wait began.
                if (reply.Task.IsCompleted)
                    waiting.Tell();
                return await reply.Task.WaitAsync(token).ConfigureAwait(false);
            }, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _pending.TryRemove(id, out _);
        }
    }

    /// <summary>Closes the connection; requests under way fail.</summary>
    public async ValueTask DisposeAsync()
    {
        _stream.Abort();
        await _reading.ConfigureAwait(false);
        await _stream.DisposeAsync().ConfigureAwait(false);
    }

    private async Task WriteAsync(TRequest request, CancellationToken cancellationToken)
    {
        var output = new ArrayBufferWriter<byte>();
        _codec.Encode(request, output);
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await _stream.WriteAsync(output.WrittenMemory, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task ReadAsync()
    {
        PipeReader reader = PipeReader.Create(_stream, new StreamPipeReaderOptions(leaveOpen: true));
        try
        {
            while (true)
            {
                ReadResult result = await reader.ReadAsync().ConfigureAwait(false);
                ReadOnlySequence<byte> received = result.Buffer;
                while (_codec.TryDecode(ref received, out TReply reply))
                    Deliver(reply);
                reader.AdvanceTo(received.Start, received.End);
                if (result.IsCompleted)
                    throw new EndOfStreamException("the enclave closed it");
            }
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException)
        {
            // Before the pending ones: whoever comes later sees it by itself.
            _failure = exception;
            foreach (TaskCompletionSource<TReply> pending in _pending.Values)
                pending.TrySetException(Lost(exception));
        }

        await reader.CompleteAsync().ConfigureAwait(false);
    }

    // That the enclave has ended says more than that a connection has.
    private Exception Lost(Exception failure) => failure is VsockException { Error: VsockError.MachineEnded }
        ? failure
        : new IOException($"The connection to port {_stream.GuestPort} was lost: {failure.Message}", failure);

    private void Deliver(TReply reply)
    {
        _waits.Tell();
        if (!_pending.TryGetValue(_idOfReply(reply), out TaskCompletionSource<TReply>? pending) || !pending.TrySetResult(reply))
            UnmatchedReplies++;
    }
}
