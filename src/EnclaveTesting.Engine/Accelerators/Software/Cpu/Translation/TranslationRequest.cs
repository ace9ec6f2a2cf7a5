namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>A region on its way to be translated.</summary>
/// <param name="owner">Who wants it.</param>
/// <param name="source">What is translated.</param>
/// <param name="blocks">The owner's blocks.</param>
/// <param name="epoch">The owner's state of things.</param>
internal sealed class TranslationRequest(RegionTable owner, RegionSource source, nint[] blocks, long epoch)
{
    public RegionTable Owner => owner;

    public RegionSource Source => source;

    public nint[] Blocks => blocks;

    public long Epoch => epoch;

    /// <summary>The translation; null until it is done, or if it failed.</summary>
    public Translation? Result { get; set; }
}
