using EnclaveTesting.Engine.Accelerators.Software.Chipset;

namespace EnclaveTesting.Engine.Tests.Software.Chipset;

/// <summary>The interval timer: 1,193,182 ticks in a second.</summary>
public class Pit8254Tests
{
    private const ulong Second = 1_000_000_000;

    private readonly ManualClock _clock = new();
    private readonly Pit8254 _pit;
    private int _interrupts;

    public Pit8254Tests() => _pit = new Pit8254(_clock, asserted => _interrupts += asserted ? 1 : 0);

    [Theory]
    [InlineData(0x34)] // mode 2
    [InlineData(0x36)] // mode 3
    public void Channel_0_interrupts_periodically(byte control)
    {
        Load(0, control, 11932);

        _clock.Advance(Second);

        _interrupts.Should().Be(99, "a period is a little longer than 10 ms");
        _clock.Advance(Second / 100);
        _interrupts.Should().Be(100);
    }

    [Fact]
    public void A_count_of_zero_is_the_longest()
    {
        Load(0, 0x34, 0);

        _clock.Advance(Second);

        _interrupts.Should().Be(18);
    }

    [Fact]
    public void Mode_0_interrupts_once()
    {
        Load(0, 0x30, 1193);
        _clock.Advance(Second / 1000);
        _interrupts.Should().Be(1);
        _clock.Advance(Second);
        _interrupts.Should().Be(1);

        Load(0, 0x30, 1193);
        WriteControl(0x30);
        _clock.Advance(Second);
        _interrupts.Should().Be(1, "a control word stops the count");
    }

    [Fact]
    public void Missed_periods_are_one_interrupt()
    {
        Load(0, 0x34, 1000);

        _clock.Leap(Second);

        _interrupts.Should().Be(1);
        _clock.NextDeadline.Should().BeInRange(_clock.Now, _clock.Now + (Second / 1193));
    }

    [Fact]
    public void Counts_are_read_in_two_bytes_and_latched()
    {
        Load(0, 0x34, 0x8000);
        _clock.Advance(TimeOf(0x1234));

        WriteControl(0x00);
        _clock.Advance(TimeOf(0x1000));

        ReadCount(0).Should().Be(0x8000 - 0x1234);
        ReadCount(0).Should().Be(0x8000 - 0x2234);
    }

    [Fact]
    public void Mode_3_counts_by_two()
    {
        Load(0, 0x36, 0x8000);
        _clock.Advance(TimeOf(0x1000));
        ReadCount(0).Should().Be(0x8000 - 0x2000);
    }

    [Fact]
    public void Mode_0_counts_on_below_zero()
    {
        Load(0, 0x30, 0x100);
        _clock.Advance(TimeOf(0x110));
        ReadCount(0).Should().Be(0xFFF0);
    }

    [Fact]
    public void Single_bytes_and_decimal_counts()
    {
        WriteControl(0x10);
        _pit.WritePort(0x40, 200);
        _clock.Advance(TimeOf(50));
        _pit.ReadPort(0x40).Should().Be(150);

        Load(0, 0x31, 0x1000);
        _clock.Advance(TimeOf(1));
        ReadCount(0).Should().Be(0x0999);
    }

    [Fact]
    public void Read_back_holds_status_and_count()
    {
        Load(0, 0x34, 0x4000);
        _clock.Advance(TimeOf(0x10));

        WriteControl(0xC2);
        _clock.Advance(TimeOf(0x10));

        _pit.ReadPort(0x40).Should().Be(0xB4, "output high, count loaded, both bytes, mode 2");
        ReadCount(0).Should().Be(0x3FF0);
        WriteControl(0x30);
        WriteControl(0xE2);
        _pit.ReadPort(0x40).Should().Be(0x70, "output low, no count yet, both bytes, mode 0");
    }

    [Fact]
    public void Channel_2_runs_while_its_gate_is_high()
    {
        (_pit.ReadPort(0x61) & 0x23).Should().Be(0);
        Load(2, 0xB0, 1000);
        _clock.Advance(Second);
        (_pit.ReadPort(0x61) & 0x20).Should().Be(0, "the gate is low");

        _pit.WritePort(0x61, 0x01);
        _clock.Advance(TimeOf(400));
        _pit.WritePort(0x61, 0x02);
        _clock.Advance(Second);
        (_pit.ReadPort(0x61) & 0x23).Should().Be(0x02);
        _pit.WritePort(0x61, 0x01);
        _clock.Advance(TimeOf(599));
        (_pit.ReadPort(0x61) & 0x20).Should().Be(0);
        _clock.Advance(TimeOf(1));
        (_pit.ReadPort(0x61) & 0x21).Should().Be(0x21);
        _interrupts.Should().Be(0);
    }

    [Fact]
    public void A_gate_triggers_the_one_shot_again_and_again()
    {
        Load(2, 0xB2, 1000);
        (_pit.ReadPort(0x61) & 0x20).Should().Be(0x20);

        for (int i = 0; i < 2; i++)
        {
            _pit.WritePort(0x61, 1);
            _clock.Advance(TimeOf(999));
            (_pit.ReadPort(0x61) & 0x20).Should().Be(0);
            _pit.WritePort(0x61, 0);
            _clock.Advance(TimeOf(1));
            (_pit.ReadPort(0x61) & 0x20).Should().Be(0x20, "it ends with the gate low, too");
        }
    }

    [Fact]
    public void A_square_wave_is_half_high()
    {
        Load(2, 0xB6, 1000);
        _pit.WritePort(0x61, 1);
        _clock.Advance(TimeOf(499));
        (_pit.ReadPort(0x61) & 0x20).Should().Be(0x20);
        _clock.Advance(TimeOf(2));
        (_pit.ReadPort(0x61) & 0x20).Should().Be(0);
    }

    [Fact]
    public void The_refresh_bit_changes()
    {
        int before = _pit.ReadPort(0x61) & 0x10;
        _clock.Advance(16_000);
        (_pit.ReadPort(0x61) & 0x10).Should().NotBe(before);
    }

    [Fact]
    public void Random_accesses_harm_nothing()
    {
        const int seed = 20261124;
        var random = new Random(seed);
        for (int i = 0; i < 20_000; i++)
        {
            ushort port = (ushort)(random.Next(8) == 0 ? 0x61 : 0x40 + random.Next(4));
            if (random.Next(2) == 0)
                _pit.WritePort(port, (byte)random.Next(256));
            else
                _ = _pit.ReadPort(port);
            if (random.Next(4) == 0)
                _clock.Leap((ulong)random.Next(100_000));
        }

        (_clock.NextDeadline > _clock.Now).Should().BeTrue($"seed {seed}");
    }

    // A little after the tick, so that rounding does not matter.
    private static ulong TimeOf(ulong ticks) => ((ticks * Second) + Pit8254Channel.Frequency - 1) / Pit8254Channel.Frequency;

    private void WriteControl(byte value) => _pit.WritePort(0x43, value);

    private void Load(int channel, byte control, int count)
    {
        WriteControl(control);
        _pit.WritePort((ushort)(0x40 + channel), (byte)count);
        _pit.WritePort((ushort)(0x40 + channel), (byte)(count >> 8));
    }

    private int ReadCount(int channel)
    {
        int low = _pit.ReadPort((ushort)(0x40 + channel));
        return low | (_pit.ReadPort((ushort)(0x40 + channel)) << 8);
    }
}
