using System.Buffers.Binary;
using System.Globalization;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>
/// Writes the tables by which a kernel with ACPI finds CPUs, the I/O APIC and the devices (ACPI specification 6.5, 5.2), in the
/// area where a PC's firmware has them. Where they tell of all devices, the machine is a hardware-reduced one: no power management timer,
/// no SCI, no fixed events, no 8259s. Where they tell of the generation id only, all else is as without ACPI, and so the machine is a PC.
/// </summary>
internal static class AcpiTables
{
    private const ulong RootPointer = MemoryLayout.BiosAreaStart;
    private const int RootPointerSize = 36, TableAlignment = 16;
    private const byte RootPointerRevision = 2, XsdtRevision = 1, MadtRevision = 5, DsdtRevision = 2;
    private const byte LocalApicEntry = 0, IoApicEntry = 1, OverrideEntry = 2, LocalApicNmiEntry = 4, AllCpus = 0xFF;
    private const byte EdgeHigh = 0b0101, LevelHigh = 0b1101;

    /// <summary>Writes the tables.</summary>
    /// <returns>The address of the root pointer, from where the others are found.</returns>
    public static ulong Write(GuestMemory memory, PlatformDescription machine)
    {
        ulong next = RootPointer + RootPointerSize;
        ulong dsdt = Place(memory, ref next, Dsdt(machine), "DSDT"u8, DsdtRevision);
        ulong facs = machine.Acpi ? 0 : PlaceFacs(memory, ref next);
        ulong fadt = Place(memory, ref next, machine.Acpi ? AcpiFadt.HardwareReduced(dsdt) : AcpiFadt.Complete(dsdt, facs), "FACP"u8, AcpiFadt.Revision);
        ulong madt = Place(memory, ref next, Madt(machine.Cpus, hasPic: !machine.Acpi), "APIC"u8, MadtRevision);
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
        return RootPointer;
    }

    private static ulong Place(GuestMemory memory, ref ulong next, Span<byte> table, ReadOnlySpan<byte> signature, byte revision)
    {
        AcpiTable.Complete(table, signature, revision);
        ulong address = (next + TableAlignment - 1) & ~(ulong)(TableAlignment - 1);
        memory.Write(new GuestAddress(address), table);
        next = address + (ulong)table.Length;
        return address;
    }

    /// <summary>The table through which firmware and kernel would share a lock (5.2.10).</summary>
    private static ulong PlaceFacs(GuestMemory memory, ref ulong next)
    {
        const int size = 64;
        const byte version = 2;
        ulong address = (next + size - 1) & ~(ulong)(size - 1);
        Span<byte> table = memory.GetSpan(new GuestAddress(address), size);
        table.Clear();
        "FACS"u8.CopyTo(table);
        BinaryPrimitives.WriteInt32LittleEndian(table[4..], size);
        table[32] = version;
        next = address + size;
        return address;
    }

    private static byte[] Xsdt(params ReadOnlySpan<ulong> tables)
    {
        byte[] table = new byte[AcpiTable.HeaderSize + (tables.Length * sizeof(ulong))];
        for (int i = 0; i < tables.Length; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(AcpiTable.HeaderSize + (i * sizeof(ulong))), tables[i]);
        return table;
    }

    private static byte[] Madt(int cpus, bool hasPic)
    {
        const int fields = 8, localApic = 8, ioApic = 12, nmi = 6, change = 10;
        byte[] table = new byte[AcpiTable.HeaderSize + fields + (cpus * localApic) + ioApic + nmi + (hasPic ? 2 * change : 0)];
        Span<byte> rest = table.AsSpan(AcpiTable.HeaderSize);
        BinaryPrimitives.WriteUInt32LittleEndian(rest, (uint)MemoryLayout.LocalApic);
        rest[4] = (byte)(hasPic ? 1 : 0); // has two 8259s
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
        if (hasPic)
        {
            // As in the MP table the timer, ISA interrupt 0, comes in by pin 2.
            WriteOverride(rest[nmi..], change, 0, 2, EdgeHigh);
            WriteOverride(rest[(nmi + change)..], change, (byte)Gsi.SystemControl.Number, Gsi.SystemControl.Number, LevelHigh);
        }

        return table;
    }

    private static void WriteOverride(Span<byte> entry, byte size, byte irq, uint gsi, byte flags)
    {
        entry[0] = OverrideEntry;
        entry[1] = size;
        entry[3] = irq;
        BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], gsi);
        entry[8] = flags;
    }

    private static byte[] Dsdt(PlatformDescription machine)
    {
        byte[] code = new AmlWriter().Scope(@"\_SB_", system =>
        {
            if (machine.Acpi)
                DescribeDevices(system, machine.VirtioDevices);
            if (machine.GenerationId)
                DescribeGenerationId(system);
        }).ToArray();
        return [.. new byte[AcpiTable.HeaderSize], .. code];
    }

    private static void DescribeDevices(AmlWriter system, int virtioDevices)
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
    }

    /// <summary>
    /// The id's place, as drivers look for it, and a generic event device (5.6.9), which interrupts where there is no PC's event hardware and
    /// tells the id's driver.
    /// </summary>
    private static void DescribeGenerationId(AmlWriter system)
    {
        const string device = "VGEN";
        const byte changed = 0x80;
        system.Device(device, id => id
            .Name("_HID", "ENCL0001")
            .Name("_CID", "VM_Gen_Counter")
            .Name("_DDN", "VM_Gen_Counter")
            .NamePackage("ADDR", (uint)MemoryLayout.GenerationId, MemoryLayout.GenerationId >> 32));
        system.Device("GED_", events => events
            .Name("_HID", "ACPI0013")
            .Name("_UID", 0)
            .Resources(resources => resources.Interrupt(Gsi.GenerationId.Number))
            .Method("_EVT", arguments: 1, method => method.Notify(device, changed)));
    }
}
