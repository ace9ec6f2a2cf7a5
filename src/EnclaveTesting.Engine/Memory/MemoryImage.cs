namespace EnclaveTesting.Engine.Memory;

/// <summary>
/// What a guest's RAM held at one moment: pages shared with other images, and those that differ from them. Guests made of it share what they do
/// not write.
/// </summary>
internal sealed class MemoryImage : IDisposable
{
    private readonly MemoryTemplate _template;
    private readonly int[] _changed;
    private readonly byte[] _bytes;
    private int _disposed;

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

    /// <summary>Size of the RAM in bytes.</summary>
    public long Size { get; }

    /// <summary>Bytes that this image holds, shared ones included.</summary>
    public long StoredBytes => (_template.Pages * (long)MemoryLayout.PageSize) + _bytes.Length;

    /// <summary>A guest's RAM with this content.</summary>
    /// <exception cref="GuestMemoryException">The host refuses.</exception>
    /// <exception cref="ObjectDisposedException">The image is disposed.</exception>
    public GuestMemory Clone()
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        return GuestMemory.FromTemplate(Size, _template.Share(), _changed, _bytes);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            _template.Dispose();
    }
}
