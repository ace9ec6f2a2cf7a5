using EnclaveTesting.Engine.Accelerators.Software.Chipset;

namespace EnclaveTesting.Engine.Tests.Software.Chipset;

/// <summary>The I/O APIC's registers and how its pins reach CPUs.</summary>
public class IoApicTests
{
    private const uint Level = 1 << 15, Masked = 1 << 16, RemoteIrr = 1 << 14;

    private readonly InterruptFabric _fabric = new(cpus: 2);

    [Fact]
    public void Shows_its_identity()
    {
        _fabric.ReadIoApic(0).Should().Be(2u << 24);
        _fabric.ReadIoApic(1).Should().Be(0x0017_0011);
        _fabric.ReadIoApic(2).Should().Be(2u << 24);
        _fabric.ReadIoApic(0x10).Should().Be(Masked);
        _fabric.ReadIoApic(0x3E).Should().Be(Masked);
        _fabric.ReadIoApic(0x40).Should().Be(0);
        _fabric.WriteIoApic(0, 0x0500_0000);
        _fabric.ReadIoApic(0).Should().Be(0x0500_0000);
        _fabric.IoApic.ReadMmio(0, 4).Should().Be(0, "the select register reads as it was written");
        _fabric.IoApic.ReadMmio(0x10, 8).Should().Be(0);
    }

    [Fact]
    public void Edges_interrupt_once_each()
    {
        _fabric.Redirect(5, 0x45, destination: 1);

        _fabric.IoApic.SetLine(5, true);
        _fabric.IoApic.SetLine(5, true);
        _fabric.Drain(1).Should().Equal(0x45);
        _fabric.IoApic.SetLine(5, false);
        _fabric.Drain(1).Should().BeEmpty();
        _fabric.IoApic.SetLine(5, true);
        _fabric.Drain(1).Should().Equal(0x45);
        _fabric.Drain(0).Should().BeEmpty();
    }

    [Fact]
    public void Edges_on_masked_pins_are_lost()
    {
        _fabric.Redirect(5, 0x45 | Masked);
        _fabric.IoApic.SetLine(5, true);

        _fabric.Redirect(5, 0x45);

        _fabric.Drain().Should().BeEmpty();
    }

    [Fact]
    public void A_level_interrupts_until_it_falls()
    {
        _fabric.Redirect(6, 0x46 | Level);
        _fabric.IoApic.SetLine(6, true);

        _fabric.Apic().Take().Should().Be(0x46);
        _fabric.Read(0, InterruptFabric.TriggerMode + 0x20).Should().Be(1 << 6);
        _fabric.ReadIoApic(0x1C).Should().Be(0x46 | Level | RemoteIrr);
        _fabric.Apic().Take().Should().Be(-1, "the first has not ended");
        _fabric.Write(0, InterruptFabric.EndOfInterrupt, 0);
        _fabric.Apic().Take().Should().Be(0x46);
        _fabric.IoApic.SetLine(6, false);
        _fabric.Write(0, InterruptFabric.EndOfInterrupt, 0);
        _fabric.Apic().Take().Should().Be(-1);
        _fabric.ReadIoApic(0x1C).Should().Be(0x46 | Level);
    }

    [Fact]
    public void A_level_that_waits_behind_the_mask_comes_when_it_is_lifted()
    {
        _fabric.Redirect(6, 0x46 | Level | Masked);
        _fabric.IoApic.SetLine(6, true);
        _fabric.Drain().Should().BeEmpty();

        _fabric.WriteIoApic(0x1C, 0x46 | Level);

        _fabric.Apic().Take().Should().Be(0x46);
    }

    [Fact]
    public void Switching_a_pin_to_edge_and_back_ends_its_interrupt()
    {
        _fabric.Redirect(6, 0x46 | Level);
        _fabric.IoApic.SetLine(6, true);
        _fabric.IoApic.SetLine(6, false);

        _fabric.WriteIoApic(0x1C, 0x46 | Masked);
        _fabric.WriteIoApic(0x1C, 0x46 | Level);

        _fabric.ReadIoApic(0x1C).Should().Be(0x46 | Level, "remote IRR is gone");
    }

    [Fact]
    public void Read_only_bits_stay()
    {
        _fabric.Redirect(7, uint.MaxValue & ~Level, destination: 0xAB);

        _fabric.ReadIoApic(0x1E).Should().Be(0x1_2FFF);
        _fabric.ReadIoApic(0x1F).Should().Be(0xAB00_0000);
    }

    [Fact]
    public void Redirects_to_logical_destinations_and_by_priority()
    {
        _fabric.Write(0, InterruptFabric.LogicalDestination, 0x0100_0000);
        _fabric.Write(1, InterruptFabric.LogicalDestination, 0x0200_0000);
        _fabric.Redirect(5, 0x0845, destination: 3);
        _fabric.Redirect(6, 0x0946, destination: 3);
        _fabric.Write(0, InterruptFabric.TaskPriority, 0x10);

        _fabric.IoApic.SetLine(5, true);
        _fabric.IoApic.SetLine(6, true);

        _fabric.Drain(0).Should().Equal(0x45);
        _fabric.Drain(1).Should().Equal(0x46, 0x45);
    }

    [Fact]
    public void Reaches_x2apics_by_their_ids()
    {
        _fabric.Apic(1).TrySetBase(_fabric.Apic(1).State.Base | LocalApic.X2Mode).Should().BeTrue();
        _fabric.Redirect(5, 0x45, destination: 1);
        _fabric.IoApic.SetLine(5, true);

        _fabric.Apic(1).Take().Should().Be(0x45);
    }
}
