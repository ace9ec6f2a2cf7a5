namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>A translation with the blocks of one machine that it stands for. The first is the only entry.</summary>
internal sealed unsafe class Region
{
    private readonly nint[] _blocks;

    /// <param name="translation">The code.</param>
    /// <param name="blocks">Addresses of the blocks, in the order of the source.</param>
    public Region(Translation translation, ReadOnlySpan<nint> blocks)
    {
        Code = translation.Code;
        _blocks = GC.AllocateUninitializedArray<nint>(blocks.Length, pinned: true);
        blocks.CopyTo(_blocks);
        fixed (nint* first = _blocks)
            Blocks = (Block**)first;
    }

    /// <summary>The code.</summary>
    public readonly TranslatedCode Code;

    /// <summary>Its argument; valid while this object is reachable.</summary>
    public readonly Block** Blocks;

    /// <summary>How many blocks.</summary>
    public int Count => _blocks.Length;
}
