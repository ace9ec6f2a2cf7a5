namespace EnclaveTesting.Engine.Boot.Decompression;

/// <summary>Compressed data is damaged, cut short, or unpacks to more than it may.</summary>
internal sealed class CompressedDataException(long position, string expected, string found, Exception? inner = null)
    : Exception($"expected {expected} at offset {position}, found {found}", inner)
{
    /// <summary>Where in the input, in bytes.</summary>
    public long Position { get; } = position;

    /// <summary>What should have been there.</summary>
    public string Expected { get; } = expected;

    /// <summary>What was there.</summary>
    public string Found { get; } = found;
}
