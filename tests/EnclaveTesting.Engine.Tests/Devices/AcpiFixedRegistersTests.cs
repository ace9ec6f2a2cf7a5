using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Engine.Tests.Devices;

/// <summary>ACPI's fixed registers, as drivers/acpi/acpica/hwregs.c and evevent.c use them.</summary>
public class AcpiFixedRegistersTests
{
    private const ushort Status = 0x600, Enable = 0x602, Control = 0x604;

    private readonly PortBus _bus = new();

    public AcpiFixedRegistersTests() => _bus.Add(Status, 6, new AcpiFixedRegisters());

    [Fact]
    public void ACPI_mode_is_on_and_nothing_has_happened()
    {
        Read(Control).Should().Be(1);
        Read(Status).Should().Be(0);
        Read(Enable).Should().Be(0);
    }

    [Fact]
    public void Status_is_cleared_by_ones()
    {
        Write(Status, 0xFFFF);

        Read(Status).Should().Be(0);
    }

    [Fact]
    public void What_may_interrupt_is_read_back()
    {
        Write(Enable, 0x0120);

        Read(Enable).Should().Be(0x0120);
        Read(Control).Should().Be(1);
    }

    [Fact]
    public void Nobody_falls_asleep_or_leaves_ACPI_mode()
    {
        // Sleep type 5, sleep, release the global lock.
        Write(Control, (5 << 10) | (1 << 13) | (1 << 2));

        Read(Control).Should().Be((5 << 10) | 1);
        Read(Enable).Should().Be(0);
    }

    private uint Read(ushort port)
    {
        _bus.Read(port, 2, out uint value).Should().BeTrue();
        return value;
    }

    private void Write(ushort port, uint value) => _bus.Write(port, 2, value).Should().BeTrue();
}
