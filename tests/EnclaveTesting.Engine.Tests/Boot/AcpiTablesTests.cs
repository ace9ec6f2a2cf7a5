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
        using GuestMemory memory = Write(cpus, devices);

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
        using GuestMemory memory = Write(cpus: 1, devices: 2);
        byte[] xsdt = Table(memory, BitConverter.ToUInt64(Read(memory, MemoryLayout.BiosAreaStart, 36), 24), "XSDT");
        byte[] dsdt = Table(memory, BitConverter.ToUInt64(Table(memory, BitConverter.ToUInt64(xsdt, 36), "FACP"), 140), "DSDT");

        // Scope (\_SB_) with a length in two bytes that reaches to the end.
        byte[] code = dsdt[36..];
        code[0].Should().Be(0x10);
        (code[1] >> 6).Should().Be(1);
        ((code[1] & 0xF) | (code[2] << 4)).Should().Be(code.Length - 1);
        Encoding.ASCII.GetString(code, 3, 5).Should().Be(@"\_SB_");
        Contains(code, [0x08, .. "_HID"u8, 0x0C, 0x41, 0xD0, 0x05, 0x01]).Should().Be(1, "PNP0501 is the serial port");
        Contains(code, [0x47, 0x01, 0xF8, 0x03, 0xF8, 0x03, 0x01, 0x08, 0x89, 0x06, 0x00, 0x03, 0x01, 0x04, 0x00, 0x00, 0x00, 0x79, 0x00]).Should().Be(1, "at 0x3f8, GSI 4");
        Contains(code, [0x08, .. "_HID"u8, 0x0D, .. "LNRO0005\0"u8]).Should().Be(2, "two virtio devices");
        Contains(code, [0x5B, 0x82, 0x41, 0x04, .. "VR01"u8]).Should().Be(1, "whose length counts itself");
        Contains(code, [0x86, 0x09, 0x00, 0x01, 0x00, 0x10, 0x00, 0xD0, 0x00, 0x10, 0x00, 0x00, 0x89, 0x06, 0x00, 0x03, 0x01, 0x06, 0x00, 0x00, 0x00, 0x79, 0x00]).Should().Be(1, "the second at 0xd0001000, GSI 6");
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

    private static GuestMemory Write(int cpus, int devices)
    {
        GuestMemory memory = GuestMemory.Allocate(4 << 20);
        AcpiTables.Write(memory, new PlatformDescription(cpus, devices, Acpi: true));
        return memory;
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
