using System.Buffers.Binary;
using System.Text;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Boot;

public class AcpiTablesTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(MpTable.MaximumCpus, 8)]
    public void The_root_pointer_leads_to_tables_whose_checksums_hold(int cpus, int devices)
    {
        using GuestMemory memory = Write(new PlatformDescription(cpus, devices, Acpi: true));

        byte[] root = Read(memory, MemoryLayout.BiosAreaStart, 36);
        Encoding.ASCII.GetString(root, 0, 8).Should().Be("RSD PTR ");
        root[15].Should().Be(2);
        Sum(root.AsSpan(0, 20)).Should().Be(0);
        Sum(root).Should().Be(0);
        byte[] xsdt = Table(memory, BitConverter.ToUInt64(root, 24), "XSDT");
        xsdt.Length.Should().Be(36 + (2 * 8));
        byte[] fadt = Table(memory, BitConverter.ToUInt64(xsdt, 36), "FACP");
        byte[] madt = Table(memory, BitConverter.ToUInt64(xsdt, 44), "APIC");
        byte[] dsdt = Table(memory, BitConverter.ToUInt64(fadt, 140), "DSDT");

        (BitConverter.ToUInt32(fadt, 112) & (1 << 20)).Should().NotBe(0, "the machine is hardware-reduced");
        BitConverter.ToUInt64(fadt, 120).Should().Be(0x64, "the reset register is the keyboard controller's");
        fadt[128].Should().Be(0xFE);
        dsdt.Length.Should().BeLessThan(0x1_0000);
        Entries(madt).Select(entry => entry[0]).Should().Equal([.. Enumerable.Repeat((byte)0, cpus), 1, 4]);
        Entries(madt).Take(cpus).Select(entry => entry[3]).Should().Equal(Enumerable.Range(0, cpus).Select(id => (byte)id));
        BitConverter.ToUInt32(Entries(madt).ElementAt(cpus), 4).Should().Be(0xFEC0_0000);
    }

    [Fact]
    public void Devices_are_described_in_byte_code()
    {
        using GuestMemory memory = Write(new PlatformDescription(Cpus: 1, VirtioDevices: 2, Acpi: true));
        byte[] code = Code(memory);
        Contains(code, [0x08, .. "_HID"u8, 0x0C, 0x41, 0xD0, 0x05, 0x01]).Should().Be(1, "PNP0501 is the serial port");
        Contains(code, [0x47, 0x01, 0xF8, 0x03, 0xF8, 0x03, 0x01, 0x08, 0x89, 0x06, 0x00, 0x03, 0x01, 0x04, 0x00, 0x00, 0x00, 0x79, 0x00]).Should().Be(1, "at 0x3f8, GSI 4");
        Contains(code, [0x08, .. "_HID"u8, 0x0D, .. "LNRO0005\0"u8]).Should().Be(2, "two virtio devices");
        Contains(code, [0x5B, 0x82, 0x41, 0x04, .. "VR01"u8]).Should().Be(1, "whose length counts itself");
        Contains(code, [0x86, 0x09, 0x00, 0x01, 0x00, 0x10, 0x00, 0xD0, 0x00, 0x10, 0x00, 0x00, 0x89, 0x06, 0x00, 0x03, 0x01, 0x06, 0x00, 0x00, 0x00, 0x79, 0x00]).Should().Be(1, "the second at 0xd0001000, GSI 6");
        Contains(code, [.. "VM_Gen_Counter"u8]).Should().Be(0, "it has none");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_generation_id_is_described_with_what_tells_of_its_change(bool acpi)
    {
        using GuestMemory memory = Write(new PlatformDescription(Cpus: 1, VirtioDevices: 2, acpi) { GenerationId = true });
        byte[] code = Code(memory);

        Contains(code, [.. "LNRO0005\0"u8]).Should().Be(acpi ? 2 : 0, "else the command line tells of them");
        Contains(code, [.. "VGEN"u8, 0x08, .. "_HID"u8]).Should().Be(1);
        Contains(code, [0x08, .. "_CID"u8, 0x0D, .. "VM_Gen_Counter\0"u8, 0x08, .. "_DDN"u8, 0x0D, .. "VM_Gen_Counter\0"u8]).Should().Be(1);
        Contains(code, [0x08, .. "ADDR"u8, 0x12, 0x08, 0x02, 0x0C, 0x00, 0xF0, 0x0F, 0x00, 0x00]).Should().Be(1, "it lies at 0xff000");
        Contains(code, [0x08, .. "_HID"u8, 0x0D, .. "ACPI0013\0"u8]).Should().Be(1, "a generic event device interrupts");
        Contains(code, [0x89, 0x06, 0x00, 0x03, 0x01, 0x10, 0x00, 0x00, 0x00, 0x79, 0x00]).Should().Be(1, "an edge of GSI 16");
        Contains(code, [0x14, 0x0D, .. "_EVT"u8, 0x09, 0x86, .. "VGEN"u8, 0x0A, 0x80]).Should().Be(1, "one argument, serialized: Notify (VGEN, 0x80)");
    }

    [Fact]
    public void Where_the_generation_id_is_all_the_machine_is_a_PC()
    {
        using GuestMemory memory = Write(new PlatformDescription(Cpus: 3, VirtioDevices: 2, Acpi: false) { GenerationId = true });
        byte[] xsdt = Table(memory, BitConverter.ToUInt64(Read(memory, MemoryLayout.BiosAreaStart, 36), 24), "XSDT");
        byte[] fadt = Table(memory, BitConverter.ToUInt64(xsdt, 36), "FACP");
        byte[] madt = Table(memory, BitConverter.ToUInt64(xsdt, 44), "APIC");
        ulong facs = BitConverter.ToUInt32(fadt, 36);

        (BitConverter.ToUInt32(fadt, 112) & (1 << 20)).Should().Be(0, "PIC and PIT are there");
        (BitConverter.ToUInt32(fadt, 56), BitConverter.ToUInt32(fadt, 64)).Should().Be((0x600, 0x604), "the fixed registers");
        (BitConverter.ToUInt64(fadt, 152), BitConverter.ToUInt64(fadt, 176)).Should().Be((0x600, 0x604), "and once more as generic addresses");
        Convert.ToHexString(fadt, 148, 4).Should().Be("01200002", "ports, 32 bits, read as words");
        Convert.ToHexString(fadt, 172, 4).Should().Be("01100002");
        BitConverter.ToUInt16(fadt, 46).Should().Be(9);
        (facs % 64).Should().Be(0);
        Encoding.ASCII.GetString(Read(memory, facs, 4)).Should().Be("FACS");
        BitConverter.ToInt32(Read(memory, facs + 4, 4)).Should().Be(64);
        BitConverter.ToUInt32(madt, 40).Should().Be(1, "there are two 8259s");
        Entries(madt).Select(entry => entry[0]).Should().Equal(0, 0, 0, 1, 4, 2, 2);
        Convert.ToHexString(Entries(madt).ElementAt(5)).Should().Be("020A0000020000000500", "the timer's ISA interrupt 0 comes in by pin 2, as an edge");
        Convert.ToHexString(Entries(madt).ElementAt(6)).Should().Be("020A0009090000000D00", "the system control interrupt is a level");
    }

    [Theory]
    [InlineData(0UL, "00")]
    [InlineData(1UL, "01")]
    [InlineData(0xFFUL, "0AFF")]
    [InlineData(0x1234UL, "0B3412")]
    [InlineData(0x1234_5678UL, "0C78563412")]
    [InlineData(0x1_0000_0000UL, "0E0000000001000000")]
    public void Numbers_take_the_shortest_form(ulong value, string bytes) =>
        Convert.ToHexString(new AmlWriter().Name("_UID", value).ToArray()).Should().Be("085F554944" + bytes);

    [Theory]
    [InlineData(51, 1)]
    [InlineData(52, 2)]
    [InlineData(4082, 2)]
    [InlineData(4083, 3)]
    public void Package_lengths_count_their_own_bytes(int text, int expected)
    {
        // A device of four letters with one text: 4 + 1 + 4 + 1 + text + 1 bytes.
        byte[] code = new AmlWriter().Device("DEV0", device => device.Name("_STR", new string('x', text))).ToArray();

        int bytes = 1 + (code[2] >> 6);
        bytes.Should().Be(expected);
        int length = bytes == 1 ? code[2] : code[2] & 0xF;
        for (int i = 1; i < bytes; i++)
            length |= code[2 + i] << (4 + (8 * (i - 1)));
        length.Should().Be(code.Length - 2);
    }

    private static GuestMemory Write(PlatformDescription machine)
    {
        GuestMemory memory = GuestMemory.Allocate(4 << 20);
        AcpiTables.Write(memory, machine).Should().Be(MemoryLayout.BiosAreaStart);
        return memory;
    }

    // What is in the scope (\_SB_), whose length in two bytes reaches to the end.
    private static byte[] Code(GuestMemory memory)
    {
        byte[] xsdt = Table(memory, BitConverter.ToUInt64(Read(memory, MemoryLayout.BiosAreaStart, 36), 24), "XSDT");
        byte[] dsdt = Table(memory, BitConverter.ToUInt64(Table(memory, BitConverter.ToUInt64(xsdt, 36), "FACP"), 140), "DSDT");
        byte[] code = dsdt[36..];
        code[0].Should().Be(0x10);
        (code[1] >> 6).Should().Be(1);
        ((code[1] & 0xF) | (code[2] << 4)).Should().Be(code.Length - 1);
        Encoding.ASCII.GetString(code, 3, 5).Should().Be(@"\_SB_");
        return code[8..];
    }

    private static byte[] Table(GuestMemory memory, ulong address, string signature)
    {
        byte[] table = Read(memory, address, BinaryPrimitives.ReadInt32LittleEndian(Read(memory, address + 4, 4)));
        Encoding.ASCII.GetString(table, 0, 4).Should().Be(signature);
        Sum(table).Should().Be(0, signature);
        (address + (ulong)table.Length).Should().BeLessThanOrEqualTo(MemoryLayout.HighMemoryStart);
        return table;
    }

    private static IEnumerable<byte[]> Entries(byte[] madt)
    {
        for (int at = 44; at < madt.Length; at += madt[at + 1])
            yield return madt[at..(at + madt[at + 1])];
    }

    private static int Contains(ReadOnlySpan<byte> code, ReadOnlySpan<byte> part)
    {
        int count = 0;
        for (int at = code.IndexOf(part); at >= 0; at = code.IndexOf(part))
        {
            count++;
            code = code[(at + part.Length)..];
        }

        return count;
    }

    private static byte[] Read(GuestMemory memory, ulong address, int length) => memory.GetSpan(new GuestAddress(address), length).ToArray();

    private static byte Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes)
            sum += value;
        return sum;
    }
}
