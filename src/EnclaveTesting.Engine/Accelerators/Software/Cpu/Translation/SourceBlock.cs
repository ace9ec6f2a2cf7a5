namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>A block of a <see cref="RegionSource"/>.</summary>
internal sealed class SourceBlock
{
    /// <summary>Bytes of linear addresses from the start of the region's first block to this one.</summary>
    public required long Distance { get; init; }

    /// <summary>Whether a call of the region returns here.</summary>
    public required bool FollowsCall { get; init; }

    /// <summary>The ops, the last one included, which may stand for no instruction.</summary>
    public required Op[] Ops { get; init; }

    /// <summary>Instructions.</summary>
    public required int Instructions { get; init; }

    /// <summary>The instructions' bytes.</summary>
    public required byte[] Code { get; init; }

    /// <summary>Where the first link leads.</summary>
    public required SourceWay Taken { get; init; }

    /// <summary>Where the second link leads.</summary>
    public required SourceWay NotTaken { get; init; }
}
