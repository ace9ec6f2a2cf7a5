namespace EnclaveTesting.Engine.Boot;

/// <summary>Where the initrd stands in guest memory.</summary>
/// <param name="Start">Guest-physical address of its first byte.</param>
/// <param name="Size">Length in bytes.</param>
internal readonly record struct PlacedInitrd(ulong Start, ulong Size);
