using System.Formats.Cbor;

namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// Bytes as AWS's Rust code writes them: serde turns a Vec&lt;u8&gt; into an array of integers, not into a byte string. Both are
/// read; the array is written, because nitro-cli compares encodings and QEMU accepts nothing else.
/// </summary>
internal static class CborBytes
{
    public static byte[] Read(CborReader reader)
    {
        if (reader.PeekState() != CborReaderState.StartArray)
            return reader.ReadByteString();

        // The announced length is not trusted: the list grows with the items that are really there.
        var bytes = new List<byte>();
        reader.ReadStartArray();
        while (reader.PeekState() != CborReaderState.EndArray)
        {
            uint value = reader.ReadUInt32();
            if (value > byte.MaxValue)
                throw new CborContentException($"{value} in an array of bytes");
            bytes.Add((byte)value);
        }

        reader.ReadEndArray();
        return [.. bytes];
    }

    public static void Write(CborWriter writer, ReadOnlySpan<byte> bytes)
    {
        writer.WriteStartArray(bytes.Length);
        foreach (byte value in bytes)
            writer.WriteUInt32(value);
        writer.WriteEndArray();
    }
}
