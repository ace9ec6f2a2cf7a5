namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>The formats that Linux unpacks itself and its ramdisks from (lib/decompress.c).</summary>
internal enum CompressionFormat
{
    Gzip,
    Bzip2,
    Lzma,
    Xz,
    Lzo,
    Lz4,
    Zstd,
}
