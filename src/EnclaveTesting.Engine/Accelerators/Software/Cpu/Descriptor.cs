namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>A segment descriptor from the GDT or an LDT.</summary>
/// <param name="Address">Linear address of its eight bytes.</param>
/// <param name="Base">Its base; for system descriptors of long mode only the low half.</param>
/// <param name="Limit">Last valid offset, granularity applied.</param>
/// <param name="Attributes">As <see cref="SegmentAttribute"/> has them.</param>
/// <param name="Raw">The eight bytes.</param>
internal readonly record struct Descriptor(ulong Address, ulong Base, uint Limit, uint Attributes, ulong Raw)
{
    public uint Dpl => (Attributes & SegmentAttribute.Dpl) >> SegmentAttribute.DplShift;

    /// <summary>Takes the fields apart (SDM vol. 3, figure 3-8).</summary>
    public static Descriptor Parse(ulong address, ulong raw)
    {
        ulong start = ((raw >> 16) & 0xFF_FFFF) | ((raw >> 32) & 0xFF00_0000);
        var attributes = (uint)(raw >> 40) & SegmentAttribute.InDescriptor;
        var limit = (uint)((raw & 0xFFFF) | ((raw >> 32) & 0xF_0000));
        if ((attributes & SegmentAttribute.Granularity) != 0)
            limit = (limit << 12) | 0xFFF;
        return new Descriptor(address, start, limit, attributes, raw);
    }
}
