using EnclaveTesting.Engine.Accelerators.Software.Chipset;

namespace EnclaveTesting.Engine.Tests.Software.Chipset;

/// <summary>The two clocks of a machine and the deadlines on them.</summary>
public sealed class MachineClockTests : IDisposable
{
    private readonly ManualResetEventSlim _signal = new();
    private long _retired;

    [Fact]
    public void Virtual_time_is_instructions_and_skipped_idleness()
    {
        var clock = new VirtualClock(() => _retired);
        var fired = new List<ulong>();
        MachineTimer timer = null!;
        timer = clock.AddTimer(() =>
        {
            fired.Add(clock.Now);
            if (fired.Count < 3)
                timer.Set(clock.Now + 1_000_000);
        });
        _retired = 5000;
        timer.Set(10_000);

        clock.Budget(20_000).Should().Be(5000, "no CPU runs past a deadline");
        clock.Budget(1000).Should().Be(1000);
        _retired = 9_999;
        clock.RunDue();
        fired.Should().BeEmpty();
        clock.Budget(20_000).Should().BeInRange(1, 100, "but each gets somewhere");
        for (int i = 0; i < 3; i++)
        {
            clock.Skip(clock.NextDeadline - clock.Now);
            clock.RunDue();
        }

        fired.Should().Equal(10_000, 1_010_000, 2_010_000);
        clock.NextDeadline.Should().Be(MachineClock.Never);
        clock.Budget(20_000).Should().Be(20_000);
        _retired += 7;
        clock.Now.Should().Be(2_010_007);
    }

    [Fact]
    public void Without_a_deadline_idleness_ends_by_the_signal()
    {
        _signal.Set();
        new HostClock().Idle(_signal);

        _signal.IsSet.Should().BeTrue();
    }

    [Fact]
    public void Host_time_passes_until_the_deadline()
    {
        var clock = new HostClock();
        bool fired = false;
        ulong start = clock.Now;
        clock.AddTimer(() => fired = true).Set(start + 3_000_000);

        while (!fired)
        {
            clock.Idle(_signal);
            clock.RunDue();
        }

        clock.Now.Should().BeGreaterThanOrEqualTo(start + 3_000_000);
    }

    [Fact]
    public void Deadlines_expire_once_and_can_be_taken_back()
    {
        var clock = new ManualClock();
        int fired = 0;
        MachineTimer first = clock.AddTimer(() => fired++);
        MachineTimer second = clock.AddTimer(() => fired += 10);
        first.Set(100);
        second.Set(50);
        second.Set(MachineClock.Never);

        clock.Advance(1000);

        fired.Should().Be(1);
        first.Deadline.Should().Be(MachineClock.Never);
    }

    public void Dispose() => _signal.Dispose();
}
