namespace EnclaveTesting.Engine.Eif;

/// <summary>An image that is in managed memory already.</summary>
internal sealed class MemoryEifSource(string name, ReadOnlyMemory<byte> bytes) : EifSource(name)
{
    public override long Length => bytes.Length;

    public override ReadOnlyMemory<byte> Slice(long offset, int length)
    {
        ThrowIfDisposed();
        return bytes.Slice(checked((int)offset), length);
    }

    public override void ReadExactly(long offset, Span<byte> destination)
    {
        ThrowIfDisposed();
        bytes.Span.Slice(checked((int)offset), destination.Length).CopyTo(destination);
    }
}
