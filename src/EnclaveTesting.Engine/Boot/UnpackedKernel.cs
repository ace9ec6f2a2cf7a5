namespace EnclaveTesting.Engine.Boot;

/// <summary>A bzImage whose kernel proper is in memory already: it is entered where its own decompressor would have jumped to.</summary>
internal sealed class UnpackedKernel(BzImage file, ulong entryAddress) : IKernel
{
    public KernelEntry Entry => KernelEntry.Linux64;

    public ulong EntryAddress => entryAddress;

    public IReadOnlyList<KernelPlacement> Placements => [];

    public ulong Start => file.Start;

    public ulong End => file.End;

    public ulong InitrdLimit => file.InitrdLimit;

    public int MaximumCommandLine => file.MaximumCommandLine;

    public ReadOnlyMemory<byte> SetupHeader => file.SetupHeader;
}
