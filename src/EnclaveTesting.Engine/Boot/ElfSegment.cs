namespace EnclaveTesting.Engine.Boot;

/// <summary>A program header of an ELF file; all in bytes.</summary>
/// <param name="Type">What the segment is.</param>
/// <param name="Offset">Where it starts in the file.</param>
/// <param name="Virtual">The address it is linked for.</param>
/// <param name="Physical">The guest-physical address where it belongs.</param>
/// <param name="FileSize">How much of it the file has.</param>
/// <param name="MemorySize">How much memory it takes; what the file does not have is zero.</param>
internal sealed record ElfSegment(uint Type, ulong Offset, ulong Virtual, ulong Physical, ulong FileSize, ulong MemorySize)
{
    public const uint Load = 1, Note = 4;
}
