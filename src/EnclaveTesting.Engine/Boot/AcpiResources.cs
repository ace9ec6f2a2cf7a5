namespace EnclaveTesting.Engine.Boot;

/// <summary>A list of resource descriptors, the value of a device's _CRS (ACPI specification 6.5, 6.4).</summary>
internal sealed class AcpiResources
{
    private const byte IoPort = 0x47, Memory32Fixed = 0x86, ExtendedInterrupt = 0x89, EndTag = 0x79;
    private const byte Writable = 1, Decodes16Bits = 1, ConsumerEdgeHighExclusive = 0b0011;

    private readonly List<byte> _bytes = [];

    /// <summary>A fixed range of memory addresses.</summary>
    public AcpiResources Memory(uint start, uint length)
    {
        _bytes.Add(Memory32Fixed);
        Write(9, sizeof(ushort));
        _bytes.Add(Writable);
        Write(start, sizeof(uint));
        Write(length, sizeof(uint));
        return this;
    }

    /// <summary>A fixed range of ports.</summary>
    public AcpiResources Ports(ushort start, byte length)
    {
        _bytes.Add(IoPort);
        _bytes.Add(Decodes16Bits);
        Write(start, sizeof(ushort));
        Write(start, sizeof(ushort));
        _bytes.Add(1); // alignment
        _bytes.Add(length);
        return this;
    }

    /// <summary>An interrupt line, edge-triggered and active high, as those of a PC's old devices are.</summary>
    public AcpiResources Interrupt(uint gsi)
    {
        _bytes.Add(ExtendedInterrupt);
        Write(6, sizeof(ushort));
        _bytes.Add(ConsumerEdgeHighExclusive);
        _bytes.Add(1); // one number follows
        Write(gsi, sizeof(uint));
        return this;
    }

    /// <summary>The descriptors and their end mark, without a checksum.</summary>
    public byte[] ToArray() => [.. _bytes, EndTag, 0];

    private void Write(uint value, int size)
    {
        for (int i = 0; i < size; i++)
            _bytes.Add((byte)(value >> (8 * i)));
    }
}
