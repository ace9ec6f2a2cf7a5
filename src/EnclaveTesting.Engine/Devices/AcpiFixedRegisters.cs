namespace EnclaveTesting.Engine.Devices;

/// <summary>
/// The registers that a kernel with ACPI expects of a PC's power management (ACPI specification 6.5, 4.8.3): an event block that never has an
/// event and a control block. There is nothing to switch on or off: no power button, no sleep states, no timer. Ports 0x600 to 0x605.
/// </summary>
internal sealed class AcpiFixedRegisters : IPortDevice
{
    /// <summary>PM1a_EVT_BLK: two bytes of status, two of what may interrupt.</summary>
    public const ushort EventBlock = 0x600;

    /// <summary>PM1a_CNT_BLK.</summary>
    public const ushort ControlBlock = EventBlock + EventBlockSize;

    public const byte EventBlockSize = 4, ControlBlockSize = 2;

    private const ushort Enable = EventBlock + 2;

    // ACPI mode has been entered; the bits that release the global lock and start to sleep read as zero.
    private const int AcpiMode = 1 << 0, WriteOnly = (1 << 2) | (1 << 13);

    public AcpiFixedRegistersState State { get; } = new();

    /// <inheritdoc/>
    public byte ReadPort(ushort port) => port switch
    {
        >= ControlBlock => Byte(State.Control | AcpiMode, port - ControlBlock),
        >= Enable => Byte(State.Enable, port - Enable),
        _ => 0,
    };

    /// <inheritdoc/>
    public void WritePort(ushort port, byte value)
    {
        if (port >= ControlBlock)
            State.Control = (ushort)(Replace(State.Control, port - ControlBlock, value) & ~WriteOnly);
        else if (port >= Enable)
            State.Enable = (ushort)Replace(State.Enable, port - Enable, value);
    }

    private static byte Byte(int register, int index) => (byte)(register >> (8 * index));

    private static int Replace(int register, int index, byte value) => (register & ~(0xFF << (8 * index))) | (value << (8 * index));
}
