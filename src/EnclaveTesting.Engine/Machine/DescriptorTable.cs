namespace EnclaveTesting.Engine.Machine;

/// <summary>GDTR or IDTR.</summary>
/// <param name="Base">Linear base address.</param>
/// <param name="Limit">Last valid offset in bytes.</param>
internal readonly record struct DescriptorTable(ulong Base, ushort Limit);
