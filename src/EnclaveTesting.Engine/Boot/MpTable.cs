using System.Buffers.Binary;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Boot;

/// <summary>
/// Writes the table by which a kernel without ACPI finds CPUs, the I/O APIC and the interrupt wiring
/// (Intel MultiProcessor Specification 1.4, chapter 4), in the last kibibyte of base memory.
/// </summary>
internal static class MpTable
{
    /// <summary>The most CPUs whose table fits its kibibyte.</summary>
    public const int MaximumCpus = 32;

    private const int FloatingPointerSize = 16, HeaderSize = 44, CpuSize = 20, EntrySize = 8, Pins = 24;
    private const byte ProcessorEntry = 0, BusEntry = 1, IoApicEntry = 2, InterruptEntry = 3, LocalInterruptEntry = 4;
    private const byte InterruptTypeInt = 0, InterruptTypeNmi = 1, InterruptTypeExtInt = 3;
    private const byte ApicVersion = 0x14, IoApicVersion = 0x11, IsaBus = 0, AllLocalApics = 0xFF;
    private const byte CpuEnabled = 1, CpuIsBoot = 2;
    private const uint CpuSignature = 0x600, CpuFeatures = 0x201; // FPU and APIC on board

    /// <summary>Writes the table for CPUs with APIC ids 0 to <paramref name="cpus"/> - 1 and an I/O APIC whose id is <paramref name="cpus"/>.</summary>
    public static void Write(GuestMemory memory, int cpus)
    {
        int size = HeaderSize + (cpus * CpuSize) + (EntrySize * (2 + Pins + 2));
        Span<byte> area = memory.GetSpan(new GuestAddress(MemoryLayout.MpTable), FloatingPointerSize + size);
        area.Clear();
        WriteFloatingPointer(area[..FloatingPointerSize]);

        Span<byte> table = area[FloatingPointerSize..];
        int offset = HeaderSize;
        int entries = 0;
        for (int cpu = 0; cpu < cpus; cpu++)
        {
            Span<byte> entry = Next(table, CpuSize, ref offset, ref entries);
            entry[0] = ProcessorEntry;
            entry[1] = (byte)cpu;
            entry[2] = ApicVersion;
            entry[3] = (byte)(cpu == 0 ? CpuEnabled | CpuIsBoot : CpuEnabled);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], CpuSignature);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], CpuFeatures);
        }

        Span<byte> bus = Next(table, EntrySize, ref offset, ref entries);
        bus[0] = BusEntry;
        bus[1] = IsaBus;
        "ISA   "u8.CopyTo(bus[2..]);

        Span<byte> ioApic = Next(table, EntrySize, ref offset, ref entries);
        ioApic[0] = IoApicEntry;
        ioApic[1] = (byte)cpus;
        ioApic[2] = IoApicVersion;
        ioApic[3] = 1; // usable
        BinaryPrimitives.WriteUInt32LittleEndian(ioApic[4..], (uint)MemoryLayout.IoApic);

        for (byte pin = 0; pin < Pins; pin++)
        {
            // Pin 2 carries the timer (ISA IRQ 0) on PCs; KVM's and our I/O APIC are wired so.
            if (pin == 0)
                continue;
            byte irq = pin == 2 ? (byte)0 : pin;
            WriteInterrupt(Next(table, EntrySize, ref offset, ref entries), InterruptEntry, InterruptTypeInt, irq, (byte)cpus, pin);
        }

        WriteInterrupt(Next(table, EntrySize, ref offset, ref entries), LocalInterruptEntry, InterruptTypeExtInt, 0, 0, 0);
        WriteInterrupt(Next(table, EntrySize, ref offset, ref entries), LocalInterruptEntry, InterruptTypeNmi, 0, AllLocalApics, 1);

        "PCMP"u8.CopyTo(table);
        BinaryPrimitives.WriteUInt16LittleEndian(table[4..], (ushort)offset);
        table[6] = 4; // revision 1.4
        "ENCLAVE "u8.CopyTo(table[8..]);
        "MICROVM     "u8.CopyTo(table[16..]);
        BinaryPrimitives.WriteUInt16LittleEndian(table[34..], (ushort)entries);
        BinaryPrimitives.WriteUInt32LittleEndian(table[36..], (uint)MemoryLayout.LocalApic);
        table[7] = TableChecksum.Of(table[..offset]);
    }

    private static void WriteFloatingPointer(Span<byte> pointer)
    {
        "_MP_"u8.CopyTo(pointer);
        BinaryPrimitives.WriteUInt32LittleEndian(pointer[4..], (uint)MemoryLayout.MpTable + FloatingPointerSize);
        pointer[8] = 1; // length in 16-byte units
        pointer[9] = 4; // revision 1.4
        pointer[10] = TableChecksum.Of(pointer);
    }

    private static void WriteInterrupt(Span<byte> entry, byte kind, byte type, byte irq, byte target, byte pin)
    {
        entry[0] = kind;
        entry[1] = type; // flags 0: polarity and trigger mode as usual on ISA, high and edge
        entry[4] = IsaBus;
        entry[5] = irq;
        entry[6] = target;
        entry[7] = pin;
    }

    private static Span<byte> Next(Span<byte> table, int size, ref int offset, ref int entries)
    {
        Span<byte> entry = table.Slice(offset, size);
        offset += size;
        entries++;
        return entry;
    }
}
