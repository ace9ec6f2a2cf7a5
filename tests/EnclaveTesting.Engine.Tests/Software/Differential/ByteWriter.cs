using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>Collects code.</summary>
internal sealed class ByteWriter : CodeWriter
{
    private readonly List<byte> _bytes = [];

    public int Length => _bytes.Count;

    public byte this[int index]
    {
        set => _bytes[index] = value;
    }

    public void Clear() => _bytes.Clear();

    public void Truncate(int length) => _bytes.RemoveRange(length, _bytes.Count - length);

    public void Write(ReadOnlySpan<byte> bytes) => _bytes.AddRange(bytes);

    public byte[] ToArray() => [.. _bytes];

    public override void WriteByte(byte value) => _bytes.Add(value);
}
