using System.Threading.Channels;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>A port on which the parent takes connections from the enclave, until it is disposed.</summary>
public sealed class VsockListener : IDisposable
{
    private readonly VsockHost _host;
    private readonly Channel<VsockStream> _waiting;
    private volatile bool _isComplete;
    private int _reserved, _count;

    internal VsockListener(VsockHost host, uint port, VsockListenOptions options)
    {
        _host = host;
        Port = port;
        Options = options;
        _waiting = Channel.CreateBounded<VsockStream>(options.Backlog);
    }

    /// <summary>The port.</summary>
    public uint Port { get; }

    internal VsockListenOptions Options { get; }

    /// <summary>Waits for the next connection, which is the caller's to dispose.</summary>
    /// <exception cref="VsockException">The enclave ended.</exception>
    /// <exception cref="ObjectDisposedException">The listener was disposed.</exception>
    public async ValueTask<VsockStream> AcceptAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            return await _waiting.Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException exception)
        {
            throw exception.InnerException is VsockException ended ? ended.Copy() : new ObjectDisposedException(nameof(VsockListener));
        }
    }

    /// <summary>Closes the port; connections that wait are reset, accepted ones live on.</summary>
    public void Dispose()
    {
        _host.Remove(this);
        Complete(null);
        while (_waiting.Reader.TryRead(out VsockStream? stream))
            stream.Abort();
    }

    /// <summary>How many connections have come.</summary>
    internal int Count => Volatile.Read(ref _count);

    /// <summary>Whether another connection may wait; those that the machine has not published yet count.</summary>
    internal bool TryReserve()
    {
        if (_isComplete || _waiting.Reader.Count + Volatile.Read(ref _reserved) >= Options.Backlog)
            return false;
        Interlocked.Increment(ref _reserved);
        Interlocked.Increment(ref _count);
        return true;
    }

    /// <summary>Gives the host a connection that was reserved; one that comes too late is reset.</summary>
    internal void Add(VsockStream stream)
    {
        Interlocked.Decrement(ref _reserved);
        if (!_waiting.Writer.TryWrite(stream))
            stream.Abort();
    }

    internal void Complete(Exception? failure)
    {
        _isComplete = true;
        _waiting.Writer.TryComplete(failure);
    }
}
