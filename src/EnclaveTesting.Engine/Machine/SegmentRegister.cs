namespace EnclaveTesting.Engine.Machine;

/// <summary>A segment register with its hidden part.</summary>
/// <param name="Selector">The visible selector.</param>
/// <param name="Base">Linear base address.</param>
/// <param name="Limit">Last valid offset in bytes, granularity applied.</param>
/// <param name="Attributes">
/// The descriptor's attribute bits in the VMX access-rights layout (SDM vol. 3, 25.4.1): type 3:0, S 4, DPL 6:5, P 7,
/// AVL 12, L 13, D/B 14, G 15, unusable 16.
/// </param>
internal readonly record struct SegmentRegister(ushort Selector, ulong Base, uint Limit, uint Attributes)
{
    /// <summary>A flat 64-bit code segment, ring 0.</summary>
    public static SegmentRegister Code64(ushort selector) => new(selector, 0, 0xFFFF_FFFF, 0xA09B);

    /// <summary>A flat 32-bit code segment, ring 0.</summary>
    public static SegmentRegister Code32(ushort selector) => new(selector, 0, 0xFFFF_FFFF, 0xC09B);

    /// <summary>A flat writable data segment, ring 0.</summary>
    public static SegmentRegister Data(ushort selector) => new(selector, 0, 0xFFFF_FFFF, 0xC093);

    /// <summary>A busy 32/64-bit TSS.</summary>
    public static SegmentRegister Tss(ushort selector) => new(selector, 0, 0x67, 0x008B);

    /// <summary>A register loaded with the null selector.</summary>
    public static SegmentRegister Unusable { get; } = new(0, 0, 0, 0x1_0000);
}
