using System.Buffers.Binary;
using System.Globalization;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>
/// Writes the tables by which a kernel with ACPI finds CPUs, the I/O APIC and the devices (ACPI specification 6.5, 5.2), in the
/// area where a PC's firmware has them. The machine is a hardware-reduced one: no power management timer, no SCI, no fixed events.
/// </summary>
internal static class AcpiTables
{
    /// <summary>Where the root pointer stands; the others follow it.</summary>
    public const ulong RootPointer = MemoryLayout.BiosAreaStart;

    private const int RootPointerSize = 36, FadtSize = 276, TableAlignment = 16;
    private const byte RootPointerRevision = 2, XsdtRevision = 1, FadtRevision = 6, FadtMinorRevision = 5, MadtRevision = 5, DsdtRevision = 2;

    // FADT flags: a power and a sleep button are devices if there are any, the reset register works, hardware-reduced.
    private const uint PowerButton = 1 << 4, SleepButton = 1 << 5, ResetRegister = 1 << 10, HardwareReduced = 1 << 20;

    // What a PC would have and this machine has not: a VGA adapter, message-signalled interrupts, PCIe link power management.
    private const ushort NoVga = 1 << 2, NoMsi = 1 << 3, NoAspm = 1 << 4;
    private const byte SystemIo = 1, ByteAccess = 1;
    private const byte LocalApicEntry = 0, IoApicEntry = 1, LocalApicNmiEntry = 4, AllCpus = 0xFF;

    /// <summary>Writes the tables.</summary>
    public static void Write(GuestMemory memory, PlatformDescription machine)
    {
        ulong next = RootPointer + RootPointerSize;
        ulong dsdt = Place(memory, ref next, Dsdt(machine.VirtioDevices), "DSDT"u8, DsdtRevision);
        ulong fadt = Place(memory, ref next, Fadt(dsdt), "FACP"u8, FadtRevision);
        ulong madt = Place(memory, ref next, Madt(machine.Cpus), "APIC"u8, MadtRevision);
        ulong xsdt = Place(memory, ref next, Xsdt(fadt, madt), "XSDT"u8, XsdtRevision);

        Span<byte> root = memory.GetSpan(new GuestAddress(RootPointer), RootPointerSize);
        root.Clear();
        "RSD PTR "u8.CopyTo(root);
        AcpiTable.Maker.CopyTo(root[9..]);
        root[15] = RootPointerRevision;
        BinaryPrimitives.WriteUInt32LittleEndian(root[20..], RootPointerSize);
        BinaryPrimitives.WriteUInt64LittleEndian(root[24..], xsdt);
        root[8] = TableChecksum.Of(root[..20]); // of what version 1 had
        root[32] = TableChecksum.Of(root);
    }

    private static ulong Place(GuestMemory memory, ref ulong next, Span<byte> table, ReadOnlySpan<byte> signature, byte revision)
    {
        AcpiTable.Complete(table, signature, revision);
        ulong address = (next + TableAlignment - 1) & ~(ulong)(TableAlignment - 1);
        memory.Write(new GuestAddress(address), table);
        next = address + (ulong)table.Length;
        return address;
    }

    private static byte[] Xsdt(params ReadOnlySpan<ulong> tables)
    {
        byte[] table = new byte[AcpiTable.HeaderSize + (tables.Length * sizeof(ulong))];
        for (int i = 0; i < tables.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(AcpiTable.HeaderSize + (i * sizeof(ulong))), tables[i]);
        return table;
    }

    private static byte[] Fadt(ulong dsdt)
    {
        byte[] table = new byte[FadtSize];
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(40), (uint)dsdt);
        BinaryPrimitives.WriteUInt16LittleEndian(table.AsSpan(109), NoVga | NoMsi | NoAspm);
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(112), PowerButton | SleepButton | ResetRegister | HardwareReduced);
        table[116] = SystemIo;
        table[117] = 8; // bits
        table[119] = ByteAccess;
        BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(120), I8042.CommandPort);
        table[128] = I8042.ResetCommand;
        table[131] = FadtMinorRevision;
        BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(140), dsdt);
        return table;
    }

    private static byte[] Madt(int cpus)
    {
        const int fields = 8, localApic = 8, ioApic = 12, nmi = 6;
        byte[] table = new byte[AcpiTable.HeaderSize + fields + (cpus * localApic) + ioApic + nmi];
        Span<byte> rest = table.AsSpan(AcpiTable.HeaderSize);
        BinaryPrimitives.WriteUInt32LittleEndian(rest, (uint)MemoryLayout.LocalApic);
        rest = rest[fields..];
        for (int cpu = 0; cpu < cpus; cpu++)
        {
            rest[0] = LocalApicEntry;
            rest[1] = localApic;
            rest[2] = rest[3] = (byte)cpu; // the processor's number and its APIC id
            rest[4] = 1; // enabled
            rest = rest[localApic..];
        }

        rest[0] = IoApicEntry;
        rest[1] = ioApic;
        rest[2] = (byte)cpus;
        BinaryPrimitives.WriteUInt32LittleEndian(rest[4..], (uint)MemoryLayout.IoApic);
        rest = rest[ioApic..];
        rest[0] = LocalApicNmiEntry;
        rest[1] = nmi;
        rest[2] = AllCpus;
        rest[5] = 1; // LINT1
        return table;
    }

    private static byte[] Dsdt(int virtioDevices)
    {
        byte[] code = new AmlWriter().Scope(@"\_SB_", system =>
        {
            system.Device("COM1", device => device
                .NameEisaId("_HID", "PNP0501")
                .Name("_UID", 0)
                .Resources(resources => resources.Ports(Uart16550.Com1, Uart16550.PortCount).Interrupt(Gsi.Serial.Number)));
            system.Device("RTC_", device => device
                .NameEisaId("_HID", "PNP0B00")
                .Name("_UID", 0)
                .Resources(resources => resources.Ports(CmosRtc.IndexPort, CmosRtc.PortCount)));
            for (int i = 0; i < virtioDevices; i++)
            {
                int number = i;
                system.Device(string.Create(CultureInfo.InvariantCulture, $"VR{number:X2}"), device => device
                    .Name("_HID", "LNRO0005") // what drivers/virtio/virtio_mmio.c binds to
                    .Name("_UID", (ulong)number)
                    .Name("_CCA", 1) // sees the CPUs' caches
                    .Resources(resources => resources
                        .Memory((uint)KernelCommandLine.VirtioMmioAddress(number), (uint)MemoryLayout.VirtioMmioStride)
                        .Interrupt(MemoryLayout.VirtioMmioFirstGsi + (uint)number)));
            }
        }).ToArray();
        return [.. new byte[AcpiTable.HeaderSize], .. code];
    }
}
