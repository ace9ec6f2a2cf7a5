namespace EnclaveTesting.Engine.Eif;

/// <summary>The content of a section to be written: bytes, or a file that is read while writing.</summary>
internal sealed record EifPart(EifSectionType Type, ReadOnlyMemory<byte> Bytes, string? Path = null)
{
    public static EifPart FromFile(EifSectionType type, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new EifPart(type, default, path);
    }

    /// <summary>Opens the content; a file's length is fixed from here on.</summary>
    public EifSource Open() => Path is null ? new MemoryEifSource("<memory>", Bytes) : new FileEifSource(Path, isImage: false);
}
