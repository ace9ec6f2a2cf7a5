using System.Buffers.Binary;
using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Engine.Boot;

/// <summary>Makes the table that tells which of a PC's fixed hardware there is (ACPI specification 6.5, 5.2.9).</summary>
internal static class AcpiFadt
{
    public const byte Revision = 6;

    private const int Size = 276;
    private const byte MinorRevision = 5;

    // FADT flags: WBINVD works, HLT is C1, a power and a sleep button are devices if there are any, the RTC wakes nobody, the reset register works.
    private const uint FlushesCaches = 1 << 0, HaltsInC1 = 1 << 2, PowerButton = 1 << 4, SleepButton = 1 << 5, NoRtcWake = 1 << 6, ResetRegister = 1 << 10;
    private const uint IsHardwareReduced = 1 << 20;

    // What a PC would have and this machine has not: a VGA adapter, message-signalled interrupts, PCIe link power management.
    private const ushort NoVga = 1 << 2, NoMsi = 1 << 3, NoAspm = 1 << 4;

    // ISA devices and a keyboard controller.
    private const ushort HasLegacyDevices = 1 << 0, Has8042 = 1 << 1;
    private const byte SystemIo = 1, ByteAccess = 1, WordAccess = 2;

    // Latencies that mean: there is no such state.
    private const ushort NoC2 = 101, NoC3 = 1001;

    /// <summary>A machine without that hardware.</summary>
    public static byte[] HardwareReduced(ulong dsdt) => Create(dsdt, NoVga | NoMsi | NoAspm, PowerButton | SleepButton | IsHardwareReduced);

    /// <summary>A PC's: 8259s, PIT, keyboard controller, and a power management that has no events.</summary>
    public static byte[] Complete(ulong dsdt, ulong facs)
    {
        byte[] table = Create(dsdt, HasLegacyDevices | Has8042 | NoVga | NoMsi | NoAspm, FlushesCaches | HaltsInC1 | PowerButton | SleepButton | NoRtcWake);
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(36), (uint)facs);
        BinaryPrimitives.WriteUInt16LittleEndian(table.AsSpan(46), (ushort)Gsi.SystemControl.Number);
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(56), AcpiFixedRegisters.EventBlock);
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(64), AcpiFixedRegisters.ControlBlock);
        table[88] = AcpiFixedRegisters.EventBlockSize;
        table[89] = AcpiFixedRegisters.ControlBlockSize;
        BinaryPrimitives.WriteUInt16LittleEndian(table.AsSpan(96), NoC2);
        BinaryPrimitives.WriteUInt16LittleEndian(table.AsSpan(98), NoC3);
        WriteRegister(table.AsSpan(148), AcpiFixedRegisters.EventBlock, AcpiFixedRegisters.EventBlockSize, WordAccess);
        WriteRegister(table.AsSpan(172), AcpiFixedRegisters.ControlBlock, AcpiFixedRegisters.ControlBlockSize, WordAccess);
        return table;
    }

    private static byte[] Create(ulong dsdt, ushort architecture, uint flags)
    {
        byte[] table = new byte[Size];
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(40), (uint)dsdt);
        BinaryPrimitives.WriteUInt16LittleEndian(table.AsSpan(109), architecture);
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(112), flags | ResetRegister);
        WriteRegister(table.AsSpan(116), I8042.CommandPort, sizeof(byte), ByteAccess);
        table[128] = I8042.ResetCommand;
        table[131] = MinorRevision;
        BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(140), dsdt);
        return table;
    }

    /// <summary>A generic address: a port and how wide it is.</summary>
    private static void WriteRegister(Span<byte> address, ushort port, byte size, byte access)
    {
        address[0] = SystemIo;
        address[1] = (byte)(size * 8);
        address[3] = access;
        BinaryPrimitives.WriteUInt64LittleEndian(address[4..], port);
    }
}
