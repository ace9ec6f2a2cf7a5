using System.Buffers.Binary;
using SharpCompress.Compressors.LZMA;

namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>A file of the old LZMA format: properties, window size, length or all ones, data.</summary>
internal sealed class LzmaDecoder(CompressedInput input, long limit) : LibraryDecoder(input)
{
    private const int PropertiesSize = 5, HeaderSize = 13;
    private const int MinimumWindow = 4096;

    protected override Stream Open(Stream source)
    {
        byte[] header = new byte[HeaderSize];
        Input.ReadExactly(header);
        // A window larger than everything that can be looked back to would only cost memory.
        uint window = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(1));
        BinaryPrimitives.WriteUInt32LittleEndian(header.AsSpan(1), (uint)Math.Min(window, Math.Clamp(limit, MinimumWindow, MaximumWindow)));
        long length = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(PropertiesSize));
        return LzmaStream.Create(header[..PropertiesSize], source, inputSize: -1, outputSize: Math.Max(length, -1), leaveOpen: true);
    }
}
