namespace EnclaveTesting.Engine.Tests.Software.Chipset;

/// <summary>The local APIC's timer, whose clock runs at 1 GHz before the divider.</summary>
public class LocalApicTimerTests
{
    private const uint Periodic = 1 << 17, Deadline = 2 << 17, Masked = 1 << 16;

    private readonly InterruptFabric _fabric = new();

    [Theory]
    [InlineData(0x0u, 2)]
    [InlineData(0x1u, 4)]
    [InlineData(0x2u, 8)]
    [InlineData(0x3u, 16)]
    [InlineData(0x8u, 32)]
    [InlineData(0x9u, 64)]
    [InlineData(0xAu, 128)]
    [InlineData(0xBu, 1)]
    public void Counts_down_once(uint divide, int divider)
    {
        _fabric.Write(0, InterruptFabric.Divide, divide);
        _fabric.Write(0, InterruptFabric.TimerVector, 0x40);
        _fabric.Write(0, InterruptFabric.InitialCount, 1000);

        _fabric.Clock.Advance((ulong)(400 * divider));
        _fabric.Read(0, InterruptFabric.CurrentCount).Should().Be(600);
        _fabric.Clock.Advance((ulong)((600 * divider) - 1));
        _fabric.Drain().Should().BeEmpty();
        _fabric.Clock.Advance(1);
        _fabric.Drain().Should().Equal(0x40);
        _fabric.Read(0, InterruptFabric.CurrentCount).Should().Be(0);
        _fabric.Clock.Advance(1_000_000);
        _fabric.Drain().Should().BeEmpty();
    }

    [Fact]
    public void Repeats()
    {
        _fabric.Write(0, InterruptFabric.Divide, 0xB);
        _fabric.Write(0, InterruptFabric.TimerVector, 0x40 | Periodic);
        _fabric.Write(0, InterruptFabric.InitialCount, 1000);

        for (int i = 0; i < 3; i++)
        {
            _fabric.Clock.Advance(1000);
            _fabric.Drain().Should().Equal(0x40);
        }

        _fabric.Clock.Leap(5300);
        _fabric.Drain().Should().Equal([0x40], "periods that nobody saw are one interrupt");
        _fabric.Read(0, InterruptFabric.CurrentCount).Should().Be(700, "and the rhythm is kept");
        _fabric.Write(0, InterruptFabric.InitialCount, 0);
        _fabric.Clock.Advance(10_000);
        _fabric.Drain().Should().BeEmpty();
    }

    [Fact]
    public void Fires_at_a_deadline()
    {
        _fabric.Apic().TscDeadline = 500;
        _fabric.Apic().TscDeadline.Should().Be(0, "the timer is not in that mode");
        _fabric.Write(0, InterruptFabric.TimerVector, 0x40 | Deadline);
        _fabric.Apic().TscOffset = 10_000;
        _fabric.Apic().TscDeadline = 10_500;

        _fabric.Clock.Advance(499);
        _fabric.Apic().TscDeadline.Should().Be(10_500);
        _fabric.Drain().Should().BeEmpty();
        _fabric.Clock.Advance(1);
        _fabric.Drain().Should().Equal(0x40);
        _fabric.Apic().TscDeadline.Should().Be(0);
        _fabric.Read(0, InterruptFabric.CurrentCount).Should().Be(0);
        _fabric.Write(0, InterruptFabric.InitialCount, 5);
        _fabric.Read(0, InterruptFabric.InitialCount).Should().Be(0);
    }

    [Theory]
    [InlineData(1UL)]
    [InlineData(700UL)]
    public void A_deadline_that_has_passed_fires_at_once(ulong deadline)
    {
        _fabric.Clock.Advance(700);
        _fabric.Write(0, InterruptFabric.TimerVector, 0x40 | Deadline);
        _fabric.Apic().TscDeadline = deadline;
        _fabric.Clock.RunDue();

        _fabric.Drain().Should().Equal(0x40);
    }

    [Fact]
    public void A_deadline_at_the_end_of_time_never_fires_and_can_be_brought_forward()
    {
        int moved = 0;
        _fabric.Clock.DeadlineMovedForward = () => moved++;
        _fabric.Write(0, InterruptFabric.TimerVector, 0x40 | Deadline);
        _fabric.Apic().TscDeadline = ulong.MaxValue;
        _fabric.Clock.Leap(1UL << 60);
        _fabric.Drain().Should().BeEmpty();

        _fabric.Apic().TscDeadline = 1000;
        _fabric.Clock.RunDue();

        _fabric.Drain().Should().Equal(0x40);
        moved.Should().Be(2);
    }

    [Fact]
    public void Mode_changes_disarm()
    {
        _fabric.Write(0, InterruptFabric.TimerVector, 0x40 | Deadline);
        _fabric.Apic().TscDeadline = 500;
        _fabric.Write(0, InterruptFabric.TimerVector, 0x40);
        _fabric.Clock.Advance(1000);
        _fabric.Drain().Should().BeEmpty();

        _fabric.Write(0, InterruptFabric.InitialCount, 500);
        _fabric.Write(0, InterruptFabric.TimerVector, 0x41 | Periodic);
        _fabric.Clock.Advance(1000);
        _fabric.Drain().Should().Equal([0x41], "one-shot to periodic goes on counting");
    }

    [Fact]
    public void A_masked_timer_counts_in_silence()
    {
        _fabric.Write(0, InterruptFabric.Divide, 0xB);
        _fabric.Write(0, InterruptFabric.TimerVector, 0x40 | Masked);
        _fabric.Write(0, InterruptFabric.InitialCount, uint.MaxValue);
        _fabric.Clock.Advance(1_000_000);

        _fabric.Read(0, InterruptFabric.CurrentCount).Should().Be(uint.MaxValue - 1_000_000);
        _fabric.Write(0, InterruptFabric.InitialCount, 10);
        _fabric.Clock.Advance(20);
        _fabric.Drain().Should().BeEmpty();
    }

    [Fact]
    public void The_divider_can_change_on_the_way()
    {
        _fabric.Write(0, InterruptFabric.Divide, 0xB);
        _fabric.Write(0, InterruptFabric.TimerVector, 0x40);
        _fabric.Write(0, InterruptFabric.InitialCount, 1000);
        _fabric.Clock.Advance(500);

        _fabric.Write(0, InterruptFabric.Divide, 0x0);

        _fabric.Clock.Advance(500);
        _fabric.Read(0, InterruptFabric.CurrentCount).Should().Be(250);
        _fabric.Clock.Advance(500);
        _fabric.Drain().Should().Equal(0x40);
    }

    [Fact]
    public void The_shortest_period_does_not_hold_up_the_clock()
    {
        _fabric.Write(0, InterruptFabric.Divide, 0xB);
        _fabric.Write(0, InterruptFabric.TimerVector, 0x40 | Periodic);
        _fabric.Write(0, InterruptFabric.InitialCount, 1);

        _fabric.Clock.Leap(1UL << 40);

        _fabric.Drain().Should().Equal(0x40);
        _fabric.Clock.NextDeadline.Should().BeGreaterThan(_fabric.Clock.Now);
    }
}
