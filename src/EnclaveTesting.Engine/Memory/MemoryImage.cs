namespace EnclaveTesting.Engine.Memory;

/// <summary>
/// What a guest's RAM held at one moment: pages shared with other images, and those that differ from them. Guests made of it share what they do
/// not write; only the first one of an image that lies elsewhere has all to itself.
/// </summary>
internal sealed class MemoryImage : IDisposable
{
    private readonly Lock _lock = new();
    private readonly int[] _changed = [];
    private readonly byte[] _bytes = [];
    private IPageSource? _source;
    private MemoryTemplate? _template;
    private bool _wasRead, _disposed;

    /// <summary>An image; takes over the template.</summary>
    /// <param name="size">Size of the RAM in bytes.</param>
    /// <param name="template">The pages shared with others.</param>
    /// <param name="changed">The pages that differ.</param>
    /// <param name="bytes">What these hold, one after the other.</param>
    public MemoryImage(long size, MemoryTemplate template, int[] changed, byte[] bytes)
    {
        Size = size;
        _template = template;
        _changed = changed;
        _bytes = bytes;
    }

    /// <summary>An image that lies elsewhere; takes over the source.</summary>
    /// <param name="size">Size of the RAM in bytes.</param>
    /// <param name="source">Its pages.</param>
    public MemoryImage(long size, IPageSource source)
    {
        Size = size;
        _source = source;
    }

    /// <summary>Size of the RAM in bytes.</summary>
    public long Size { get; }

    /// <summary>Bytes that this image holds in memory, shared ones included.</summary>
    public long StoredBytes => ((_template?.Pages ?? 0) * (long)MemoryLayout.PageSize) + _bytes.Length;

    /// <summary>A guest's RAM with this content.</summary>
    /// <exception cref="GuestMemoryException">The host refuses.</exception>
    /// <exception cref="ObjectDisposedException">The image is disposed.</exception>
    /// <inheritdoc cref="IPageSource.Read" path="/exception"/>
    public GuestMemory Clone()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (_source is { } source)
            {
                // Many processes make one guest only. That one is ready sooner without pages to share: Linux takes twice as long to fill
                // them, and as long again for the guest's first writes.
                if (!_wasRead)
                {
                    GuestMemory first = GuestMemory.Read(Size, source);
                    _wasRead = true;
                    return first;
                }

                _template = MemoryTemplate.Read(source);
                _source = null;
                source.Dispose();
            }

            return GuestMemory.FromTemplate(Size, _template!.Share(), _changed, _bytes);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            _source?.Dispose();
            _template?.Dispose();
        }
    }
}
