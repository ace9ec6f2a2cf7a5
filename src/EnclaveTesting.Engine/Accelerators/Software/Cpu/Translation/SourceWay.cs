namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Where a link leads within a region.</summary>
/// <param name="Block">The block's number; negative: outside.</param>
/// <param name="Guarded">To another page: only while the link holds.</param>
internal readonly record struct SourceWay(int Block, bool Guarded)
{
    /// <summary>Outside the region.</summary>
    public static SourceWay Out => new(-1, false);

    public bool IsOut => Block < 0;
}
