using SharpCompress.Compressors;
using SharpCompress.Compressors.BZip2;

namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>One bzip2 stream.</summary>
internal sealed class Bzip2Decoder(CompressedInput input) : LibraryDecoder(input)
{
    protected override Stream Open(Stream source) =>
        BZip2Stream.Create(source, CompressionMode.Decompress, decompressConcatenated: false, leaveOpen: true);
}
