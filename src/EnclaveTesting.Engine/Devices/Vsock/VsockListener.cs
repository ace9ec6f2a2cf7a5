using System.Threading.Channels;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>A port on which the parent takes connections from the enclave, until it is disposed.</summary>
public sealed class VsockListener : IDisposable
{
    private readonly VsockHost _host;
    private readonly Channel<VsockStream> _waiting;
    private int _count;

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

    internal bool TryAdd(VsockStream stream)
    {
        bool added = _waiting.Writer.TryWrite(stream);
        if (added)
            Interlocked.Increment(ref _count);
        return added;
    }

    internal void Complete(Exception? failure) => _waiting.Writer.TryComplete(failure);
}
