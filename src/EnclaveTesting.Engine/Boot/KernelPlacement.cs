using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>Bytes of an image's section that belong at a guest-physical address.</summary>
/// <param name="Source">Offset in bytes into the section.</param>
/// <param name="Length">Bytes to copy.</param>
/// <param name="Target">Where they go.</param>
internal readonly record struct KernelPlacement(long Source, long Length, GuestAddress Target);
