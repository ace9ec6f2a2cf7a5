using System.Buffers;
using System.IO.Pipelines;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>
/// One end of a vsock connection with an enclave. Reading and writing may go on at the same time. Disposing sends what was
/// written, then closes.
/// </summary>
public sealed class VsockStream : Stream
{
    private const int LargestWrite = 64 * 1024;

    private readonly VsockConnection _connection;
    private ExclusiveUse _reading, _writing;
    private int _disposed;

    internal VsockStream(VsockConnection connection) => _connection = connection;

    /// <summary>The host's port.</summary>
    public uint HostPort => _connection.Key.HostPort;

    /// <summary>The enclave's port.</summary>
    public uint GuestPort => _connection.Key.GuestPort;

    /// <summary>By which CID the enclave knows this end: 3, or 2 if it connected to that.</summary>
    internal Cid HostCid => new(_connection.Key.HostCid);

    /// <inheritdoc/>
    public override bool CanRead => Volatile.Read(ref _disposed) == 0;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => Volatile.Read(ref _disposed) == 0;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException("A connection has no length.");

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException("A connection has no position.");
        set => throw new NotSupportedException("A connection has no position.");
    }

    /// <summary>Whether the enclave sends no more, which the program may not have seen yet.</summary>
    internal bool HasEnded => _connection.HasEnded;

    /// <summary>Whether somebody waits for the enclave while a read does; not so where reads go on in the background. Before the first read.</summary>
    internal bool ReadsAreAwaited
    {
        set => _connection.HostEnd.ReadsAreAwaited = value;
    }

    /// <summary>Answers a connection of a port that defers it; nothing elsewhere.</summary>
    internal void Accept() => _connection.Accept();

    /// <summary>Resets the connection (RST): what is on its way is lost; before <see cref="Accept"/> it is refused.</summary>
    public void Abort() => _connection.Abort();

    /// <summary>Says that no more will be written (SHUTDOWN of sending), once a write that goes on has ended; reading goes on.</summary>
    public void CompleteWriting()
    {
        ThrowIfDisposed();
        if (_writing.End())
            _connection.CompleteOutput();
    }

    /// <inheritdoc/>
    /// <exception cref="VsockException">The connection was lost.</exception>
    /// <exception cref="InvalidOperationException">Another read has not ended yet.</exception>
    /// <exception cref="ObjectDisposedException">The stream is disposed, or was while it waited.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        if (buffer.IsEmpty)
            return 0;
        ObjectDisposedException.ThrowIf(!_reading.TryEnter("read"), this);
        try
        {
            ReadResult result = await _connection.ReadAsync(cancellationToken).ConfigureAwait(false);
            ReadOnlySequence<byte> data = result.Buffer;
            if (data.IsEmpty)
            {
                _connection.EndRead(data.End, 0);
                ObjectDisposedException.ThrowIf(result.IsCanceled, this);
                return _connection.EndedInOrder ? 0 : throw Lost();
            }

            data = data.Slice(0, Math.Min(data.Length, buffer.Length));
            data.CopyTo(buffer.Span);
            int count = (int)data.Length;
            _connection.EndRead(data.End, count);
            return count;
        }
        finally
        {
            _connection.HostEnd.Resumed(fromRead: true);
            if (_reading.Exit())
                _connection.CompleteInput();
        }
    }

    /// <inheritdoc/>
    /// <remarks>Returns when the bytes are on their way; waits while the connection's buffer (256 KiB) is full. A write that is cancelled
    /// may have sent a part.</remarks>
    /// <exception cref="VsockException">The connection was lost, or the enclave no longer receives.</exception>
    /// <exception cref="InvalidOperationException">Another write has not ended yet, or <see cref="CompleteWriting"/> was called.</exception>
    /// <exception cref="ObjectDisposedException">The stream is disposed, or was while it waited.</exception>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ThrowIfDisposed();
        cancellationToken.ThrowIfCancellationRequested();
        if (!_writing.TryEnter("write"))
        {
            ThrowIfDisposed();
            throw new InvalidOperationException("CompleteWriting was called: this connection writes no more.");
        }

        try
        {
            while (!buffer.IsEmpty)
            {
                ReadOnlyMemory<byte> piece = buffer[..Math.Min(buffer.Length, LargestWrite)];
                buffer = buffer[piece.Length..];
                FlushResult result = await _connection.WriteAsync(piece.Span, cancellationToken).ConfigureAwait(false);
                ObjectDisposedException.ThrowIf(result.IsCanceled, this);
                if (result.IsCompleted)
                    throw Lost();
            }
        }
        finally
        {
            _connection.HostEnd.Resumed(fromRead: false);
            if (_writing.Exit())
                _connection.CompleteOutput();
        }
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override void Flush()
    {
        // Every write is on its way when it returns.
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("A connection cannot seek.");

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException("A connection has no length.");

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _connection.HostLeaves();
            // Operations that go on are woken and complete their ends themselves.
            if (_reading.End())
                _connection.CompleteInput();
            else
                _connection.CancelRead();
            if (_writing.End())
                _connection.CompleteOutput();
            else
                _connection.CancelWrite();
            _connection.HostEnd.Leave();
        }

        base.Dispose(disposing);
    }

    /// <summary>Says whether a script that holds the connection waits on purpose for something else than its bytes.</summary>
    internal void Park(bool parked) => _connection.HostEnd.Park(parked);

    private VsockException Lost() => _connection.Failure is { } failure
        ? failure.Copy()
        : new VsockException(VsockError.BrokenPipe, $"{_connection.Describe()} is closed: the enclave no longer receives.");

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
}
