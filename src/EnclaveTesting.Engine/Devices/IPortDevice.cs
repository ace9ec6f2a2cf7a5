namespace EnclaveTesting.Engine.Devices;

/// <summary>
/// A device behind x86 I/O ports. Ports are bytes; the bus splits wider accesses into bytes in ascending order.
/// Called by the machine, one call at a time.
/// </summary>
internal interface IPortDevice
{
    /// <summary>Answers a read of one of the device's ports.</summary>
    byte ReadPort(ushort port);

    /// <summary>Takes a write to one of the device's ports.</summary>
    void WritePort(ushort port, byte value);
}
