namespace EnclaveTesting.Engine.Devices;

/// <summary>The x86 I/O ports of a machine. Ports that no device claims read as all ones and swallow writes.</summary>
internal sealed class PortBus
{
    private readonly List<PortRange> _ranges = [];

    /// <summary>Gives a range of ports to a device.</summary>
    /// <exception cref="ArgumentException">The range is taken or reaches past port 0xffff.</exception>
    public void Add(ushort first, int count, IPortDevice device)
    {
        int last = first + count - 1;
        if (count < 1 || last > ushort.MaxValue || _ranges.Exists(range => first <= range.Last && last >= range.First))
            throw new ArgumentException($"Ports 0x{first:x} to 0x{last:x} are not free.", nameof(first));
        _ranges.Add(new PortRange(first, last, device));
    }

    /// <summary>An IN; false if no byte of it belongs to a device.</summary>
    public bool Read(ushort port, int size, out uint value)
    {
        bool claimed = false;
        value = 0;
        for (int i = 0; i < size; i++)
        {
            IPortDevice? device = Find(port + i);
            claimed |= device is not null;
            value |= (uint)(device?.ReadPort((ushort)(port + i)) ?? 0xFF) << (8 * i);
        }

        return claimed;
    }

    /// <summary>An OUT; false if no byte of it belongs to a device.</summary>
    public bool Write(ushort port, int size, uint value)
    {
        bool claimed = false;
        for (int i = 0; i < size; i++)
        {
            if (Find(port + i) is not { } device)
                continue;
            claimed = true;
            device.WritePort((ushort)(port + i), (byte)(value >> (8 * i)));
        }

        return claimed;
    }

    private IPortDevice? Find(int port)
    {
        // A machine has a handful of ranges; looking at each beats any table.
        foreach (PortRange range in _ranges)
        {
            if (port >= range.First && port <= range.Last)
                return range.Device;
        }

        return null;
    }

    private sealed record PortRange(int First, int Last, IPortDevice Device);
}
