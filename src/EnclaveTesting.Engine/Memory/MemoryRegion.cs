namespace EnclaveTesting.Engine.Memory;

/// <summary>One contiguous piece of guest RAM.</summary>
/// <param name="Start">Guest-physical address of its first byte.</param>
/// <param name="Length">Length in bytes, a multiple of 4096.</param>
/// <param name="HostOffset">Offset in bytes into the one host mapping.</param>
internal readonly record struct MemoryRegion(GuestAddress Start, ulong Length, ulong HostOffset)
{
    /// <summary>The first address above the region.</summary>
    public GuestAddress End => Start + Length;
}
