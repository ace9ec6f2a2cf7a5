using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Boot;

public class MpTableTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(MpTable.MaximumCpus)]
    public void Names_every_cpu_the_io_apic_and_the_isa_wiring(int cpus)
    {
        using GuestMemory memory = GuestMemory.Allocate(4 << 20);

        MpTable.Write(memory, cpus);

        byte[] area = memory.GetSpan(new GuestAddress(0x9FC00), 0x400).ToArray();
        area[..4].Should().Equal("_MP_"u8.ToArray());
        Sum(area.AsSpan(0, 16)).Should().Be(0, "the pointer's checksum holds");
        int table = (int)(BitConverter.ToUInt32(area, 4) - 0x9FC00);
        area[table..(table + 4)].Should().Equal("PCMP"u8.ToArray());
        int length = BitConverter.ToUInt16(area, table + 4);
        (table + length).Should().BeLessThanOrEqualTo(0x400);
        Sum(area.AsSpan(table, length)).Should().Be(0, "the table's checksum holds");

        var kinds = new List<byte>();
        var pins = new List<(byte Irq, byte Pin)>();
        int offset = table + 44;
        for (int i = 0; i < BitConverter.ToUInt16(area, table + 34); i++)
        {
            byte kind = area[offset];
            kinds.Add(kind);
            if (kind == 0)
                area[offset + 1].Should().Be((byte)(kinds.Count - 1), "APIC ids count up from 0");
            if (kind == 2)
                area[offset + 1].Should().Be((byte)cpus, "the I/O APIC's id follows the CPUs'");
            if (kind == 3)
                pins.Add((area[offset + 5], area[offset + 7]));
            offset += kind == 0 ? 20 : 8;
        }

        offset.Should().Be(table + length);
        kinds.Count(kind => kind == 0).Should().Be(cpus);
        kinds.Count(kind => kind == 1).Should().Be(1);
        kinds.Count(kind => kind == 2).Should().Be(1);
        kinds.Count(kind => kind == 4).Should().Be(2, "ExtINT and NMI");
        pins.Should().Contain([((byte)4, (byte)4), ((byte)5, (byte)5), ((byte)0, (byte)2)]);
    }

    private static byte Sum(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes)
            sum += value;
        return sum;
    }
}
