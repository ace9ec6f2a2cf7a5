namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// Where the bytes of an image are. Every access checks for disposal and throws <see cref="ObjectDisposedException"/>;
/// no span ever points to memory that disposal gives back.
/// </summary>
internal abstract class EifSource(string name) : IDisposable
{
    private int _disposed;

    public string Name { get; } = name;

    public abstract long Length { get; }

    /// <summary>By what the file can be recognised as it is now; null for what is no file.</summary>
    public virtual EifFileIdentity? FindIdentity() => null;

    /// <summary>The bytes as one piece: a view if they are in memory already, else read into a new array.</summary>
    public abstract ReadOnlyMemory<byte> Slice(long offset, int length);

    /// <summary>Fills <paramref name="destination"/>; the range is known to lie in the image as it was when it was opened.</summary>
    public abstract void ReadExactly(long offset, Span<byte> destination);

    public void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, typeof(EifImage));

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            Release();
    }

    protected virtual void Release()
    {
    }
}
