namespace EnclaveTesting.Engine.Eif;

/// <summary>A section of another image as the content of a new one; the other image stays its owner's.</summary>
internal sealed class SectionEifSource(EifSection section) : EifSource(section.ToString())
{
    public override long Length => section.Length;

    public override ReadOnlyMemory<byte> Slice(long offset, int length)
    {
        var bytes = new byte[length];
        section.Read(offset, bytes);
        return bytes;
    }

    public override void ReadExactly(long offset, Span<byte> destination) => section.Read(offset, destination);
}
