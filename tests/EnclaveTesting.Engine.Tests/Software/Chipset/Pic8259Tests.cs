using EnclaveTesting.Engine.Accelerators.Software.Chipset;

namespace EnclaveTesting.Engine.Tests.Software.Chipset;

/// <summary>The 8259 pair as PC software uses it.</summary>
public class Pic8259Tests
{
    private readonly InterruptFabric _fabric = new();

    private Pic8259 Pic => _fabric.Pic;

    [Fact]
    public void Untouched_it_delivers_input_numbers()
    {
        Pulse(4);

        Pic.Acknowledge().Should().Be(4);
    }

    [Fact]
    public void Initialised_it_delivers_vectors_of_both_chips()
    {
        Initialise();
        Pulse(4);
        Pulse(12);
        Pulse(1);

        Pic.Acknowledge().Should().Be(0x31);
        Pic.IsPending.Should().BeFalse("lower inputs wait");
        End();
        Pic.Acknowledge().Should().Be(0x3C, "the slave is on input 2");
        Pic.IsPending.Should().BeFalse();
        Pic.WritePort(0xA0, 0x20);
        End();
        Pic.Acknowledge().Should().Be(0x34);
        End();
        Pic.IsPending.Should().BeFalse();
    }

    [Fact]
    public void Two_inputs_of_the_slave_come_one_after_the_other()
    {
        Initialise();
        Pulse(9);
        Pulse(8);

        Pic.Acknowledge().Should().Be(0x38);
        Pic.WritePort(0xA0, 0x20);
        End();
        Pic.Acknowledge().Should().Be(0x39);
    }

    [Fact]
    public void Masks_hold_back_and_let_go()
    {
        Initialise(automaticEnd: false);
        Pic.WritePort(0x21, 0xFF);
        Pulse(0);
        Pic.IsPending.Should().BeFalse();
        Pic.ReadPort(0x21).Should().Be(0xFF);

        Pic.WritePort(0x21, 0xFE);

        Pic.IsPending.Should().BeTrue();
    }

    [Fact]
    public void Tells_the_boot_cpu_when_its_pin_listens()
    {
        Initialise();
        _fabric.Announced.Clear();
        Pulse(0);
        _fabric.Announced.Should().BeEmpty("LINT0 is masked");

        _fabric.Write(0, InterruptFabric.Lint0, 0x700);

        _fabric.Announced.Should().Equal(0);
        _fabric.Announced.Clear();
        Pulse(1);
        _fabric.Announced.Should().NotBeEmpty();
    }

    [Fact]
    public void Ends_by_itself_if_asked()
    {
        Initialise(automaticEnd: true);
        Pulse(3);
        Pic.Acknowledge().Should().Be(0x33);
        Pulse(5);

        Pic.Acknowledge().Should().Be(0x35, "nothing is in service");
    }

    [Fact]
    public void An_interrupt_that_has_gone_is_spurious()
    {
        Initialise();
        Pic.WritePort(0x4D0, 0x20);
        Pic.ReadPort(0x4D0).Should().Be(0x20);
        Pic.SetLine(5, true);
        Pic.IsPending.Should().BeTrue();
        Pic.SetLine(5, false);

        Pic.IsPending.Should().BeFalse();
        Pic.Acknowledge().Should().Be(0x37);
        Pic.Master.InService.Should().Be(0);
    }

    [Fact]
    public void A_level_comes_again_until_it_falls()
    {
        Initialise();
        Pic.WritePort(0x4D1, 0xFF);
        Pic.ReadPort(0x4D1).Should().Be(0xDE, "the clock's and the coprocessor's inputs cannot be levels");
        Pic.SetLine(11, true);

        for (int i = 0; i < 2; i++)
        {
            Pic.Acknowledge().Should().Be(0x3B);
            Pic.WritePort(0xA0, 0x20);
            End();
        }

        Pic.SetLine(11, false);
        Pic.IsPending.Should().BeFalse();
    }

    [Fact]
    public void Reads_requests_and_service()
    {
        Initialise();
        Pulse(0);
        Pulse(6);
        Pic.Acknowledge();

        Pic.ReadPort(0x20).Should().Be(0x40);
        Pic.WritePort(0x20, 0x0B);
        Pic.ReadPort(0x20).Should().Be(0x01);
        Pic.WritePort(0x20, 0x0A);
        Pic.ReadPort(0x20).Should().Be(0x40);
    }

    [Fact]
    public void Ends_and_rotates_as_told()
    {
        Initialise();
        Pulse(3);
        Pic.Acknowledge();
        Pic.WritePort(0x20, 0x63);
        Pic.Master.InService.Should().Be(0, "a specific end");

        Pic.WritePort(0x20, 0xC3);
        Pulse(3);
        Pulse(4);
        Pic.Acknowledge().Should().Be(0x34, "input 3 is the lowest now");
        Pic.WritePort(0x20, 0xA0);
        Pulse(4);
        Pic.Acknowledge().Should().Be(0x33, "input 4 went to the end");
    }

    [Fact]
    public void Special_mask_mode_lets_lower_inputs_in()
    {
        Initialise();
        Pulse(1);
        Pic.Acknowledge();
        Pic.WritePort(0x21, 0x02);
        Pulse(6);
        Pic.IsPending.Should().BeFalse();

        Pic.WritePort(0x20, 0x68);

        Pic.Acknowledge().Should().Be(0x36);
    }

    [Fact]
    public void Answers_a_poll()
    {
        Initialise();
        Pic.WritePort(0x20, 0x0C);
        Pic.ReadPort(0x20).Should().Be(0);
        Pulse(6);

        Pic.WritePort(0x20, 0x0C);

        Pic.ReadPort(0x20).Should().Be(0x86);
        Pic.Master.InService.Should().Be(0x40);
    }

    private void Initialise(bool automaticEnd = false)
    {
        byte last = (byte)(automaticEnd ? 3 : 1);
        foreach ((ushort port, byte vectors, byte cascade) in new (ushort, byte, byte)[] { (0x20, 0x30, 4), (0xA0, 0x38, 2) })
        {
            Pic.WritePort(port, 0x11);
            Pic.WritePort((ushort)(port + 1), vectors);
            Pic.WritePort((ushort)(port + 1), cascade);
            Pic.WritePort((ushort)(port + 1), last);
        }
    }

    private void Pulse(int input)
    {
        Pic.SetLine(input, true);
        Pic.SetLine(input, false);
    }

    private void End() => Pic.WritePort(0x20, 0x20);
}
