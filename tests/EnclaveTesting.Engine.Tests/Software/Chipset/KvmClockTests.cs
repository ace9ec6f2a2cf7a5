using EnclaveTesting.Engine.Accelerators.Software.Chipset;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Software.Chipset;

/// <summary>KVM's clock as a guest computes with it (Documentation/virt/kvm/x86/msr.rst).</summary>
public sealed class KvmClockTests : IDisposable
{
    private const uint WallClock = 0x4B56_4D00, SystemTime = 0x4B56_4D01;

    private readonly GuestMemory _memory = GuestMemory.Allocate(GuestMemory.MinimumSize);
    private readonly ManualClock _clock = new();
    private readonly KvmClock _kvmClock;

    public KvmClockTests() => _kvmClock = new KvmClock(_memory, 2, _clock, new FixedTime());

    [Theory]
    [InlineData(SystemTime, 0UL)]
    [InlineData(0x12u, 0UL)]
    [InlineData(SystemTime, 5_000_000UL)]
    public void System_time_follows_the_counter(uint register, ulong offset)
    {
        _clock.Advance(123_456_789);
        _kvmClock.TryWriteMsr(1, register, 0x2001, offset).Should().BeTrue();
        _clock.Advance(1_000_000_000_000);

        Compute(0x2000, _clock.Now + offset).Should().Be(_clock.Now);
        _memory.GetSpan(new GuestAddress(0x2000), 32)[29].Should().Be(1, "the counter is stable");
        (Version(0x2000) & 1).Should().Be(0);
        _kvmClock.TryReadMsr(1, register, out ulong value).Should().BeTrue();
        value.Should().Be(0x2001);
        _kvmClock.TryReadMsr(0, register, out value).Should().BeTrue();
        value.Should().Be(0, "each CPU has its own");
    }

    [Fact]
    public void Versions_grow_by_two()
    {
        _kvmClock.TryWriteMsr(0, SystemTime, 0x2001, 0);
        uint first = Version(0x2000);
        _kvmClock.UpdateSystemTime(0, 77);

        Version(0x2000).Should().Be(first + 2);
        Compute(0x2000, 1077).Should().Be(1000);
    }

    [Theory]
    [InlineData(WallClock)]
    [InlineData(0x11u)]
    public void Wall_clock_is_the_time_of_the_start(uint register)
    {
        _clock.Advance(2_500_000_000);
        _kvmClock.TryWriteMsr(0, register, 0x3000, 0).Should().BeTrue();

        _memory.TryRead(new GuestAddress(0x3004), out uint seconds).Should().BeTrue();
        _memory.TryRead(new GuestAddress(0x3008), out uint nanoseconds).Should().BeTrue();
        DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(nanoseconds / 100).Should().Be(FixedTime.Value.AddSeconds(-2.5));
    }

    [Theory]
    [InlineData(0xFFFF_FFFF_FFFF_FFF1UL)]
    [InlineData(0x1F_FFF1UL)]
    [InlineData(0xD000_0001UL)]
    public void Addresses_outside_memory_are_kept_and_nothing_is_written(ulong address)
    {
        _kvmClock.TryWriteMsr(0, SystemTime, address, 0).Should().BeTrue();
        _kvmClock.TryWriteMsr(0, WallClock, address | 0xF, 0).Should().BeTrue();

        _memory.GetSpan(new GuestAddress(0), (int)_memory.Size).IndexOfAnyExcept((byte)0).Should().Be(-1);
    }

    [Fact]
    public void Without_the_enable_bit_nothing_is_written()
    {
        _kvmClock.TryWriteMsr(0, SystemTime, 0x2000, 0).Should().BeTrue();

        Version(0x2000).Should().Be(0);
    }

    [Fact]
    public void Other_registers_are_not_its_own()
    {
        _kvmClock.TryReadMsr(0, 0x4B56_4D02, out _).Should().BeFalse();
        _kvmClock.TryWriteMsr(0, 0x4B56_4D02, 0, 0).Should().BeFalse();
    }

    public void Dispose() => _memory.Dispose();

    private uint Version(ulong address)
    {
        _memory.TryRead(new GuestAddress(address), out uint version).Should().BeTrue();
        return version;
    }

    // As Linux does in __pvclock_read_cycles.
    private ulong Compute(ulong address, ulong tsc)
    {
        Span<byte> info = _memory.GetSpan(new GuestAddress(address), 32);
        ulong delta = tsc - BitConverter.ToUInt64(info[8..]);
        int shift = (sbyte)info[28];
        delta = shift < 0 ? delta >> -shift : delta << shift;
        return BitConverter.ToUInt64(info[16..]) + (ulong)((UInt128)delta * BitConverter.ToUInt32(info[24..]) >> 32);
    }

    private sealed class FixedTime : TimeProvider
    {
        public static readonly DateTimeOffset Value = new(2026, 3, 4, 5, 6, 7, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Value;
    }
}
