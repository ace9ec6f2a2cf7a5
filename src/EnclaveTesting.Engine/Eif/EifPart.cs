namespace EnclaveTesting.Engine.Eif;

/// <summary>The content of a section to be written; files and other images are read while writing.</summary>
internal sealed class EifPart
{
    private readonly Func<EifSource> _open;

    private EifPart(EifSectionType type, Func<EifSource> open)
    {
        Type = type;
        _open = open;
    }

    public EifSectionType Type { get; }

    public static EifPart FromMemory(EifSectionType type, ReadOnlyMemory<byte> bytes) => new(type, () => new MemoryEifSource($"<{type}>", bytes));

    public static EifPart FromFile(EifSectionType type, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new EifPart(type, () => FileEifSource.Open(path, isImage: false));
    }

    public static EifPart FromSection(EifSection section) => new(section.Type, () => new SectionEifSource(section));

    /// <summary>Opens the content; a file's length is fixed from here on.</summary>
    public EifSource Open() => _open();
}
