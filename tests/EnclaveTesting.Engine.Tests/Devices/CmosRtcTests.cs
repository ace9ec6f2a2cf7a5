using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Engine.Tests.Devices;

/// <summary>The real-time clock, as drivers/rtc/rtc-mc146818-lib.c reads it.</summary>
public class CmosRtcTests
{
    private readonly SetTime _time = new() { Now = new DateTimeOffset(2029, 12, 31, 23, 59, 58, TimeSpan.Zero) };
    private readonly CmosRtc _clock;

    public CmosRtcTests() => _clock = new CmosRtc(_time);

    [Fact]
    public void The_time_is_UTC_in_BCD()
    {
        new[] { 0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x32 }.Select(register => (int)Read((byte)register))
            .Should().Equal(0x58, 0x59, 0x23, 0x02, 0x31, 0x12, 0x29, 0x20);
    }

    [Fact]
    public void It_is_valid_in_BCD_with_24_hours_and_no_update_is_going_on()
    {
        (Read(0x0A) & 0x80).Should().Be(0);
        Read(0x0B).Should().Be(0x02);
        Read(0x0C).Should().Be(0);
        (Read(0x0D) & 0x80).Should().Be(0x80);
    }

    [Fact]
    public void What_is_read_after_the_seconds_belongs_to_them()
    {
        Read(0x00).Should().Be(0x58);
        _time.Now += TimeSpan.FromSeconds(5);
        (Read(0x09), Read(0x04)).Should().Be(((byte)0x29, (byte)0x23));
        Read(0x00).Should().Be(0x03);
        (Read(0x09), Read(0x04), Read(0x07)).Should().Be(((byte)0x30, (byte)0x00, (byte)0x01));
    }

    [Fact]
    public void Memory_is_kept_and_the_clock_cannot_be_set()
    {
        Write(0x40, 0xA5);
        Write(0x04, 0x11);
        Read(0x40).Should().Be(0xA5);
        Read(0x04).Should().Be(0x23);
        Read(0x40 | 0x80).Should().Be(0xA5, "bit 7 of the index masks NMIs and is no part of it");
        _clock.ReadPort(CmosRtc.IndexPort).Should().Be(0xFF);
    }

    private byte Read(byte register)
    {
        _clock.WritePort(CmosRtc.IndexPort, register);
        return _clock.ReadPort(CmosRtc.IndexPort + 1);
    }

    private void Write(byte register, byte value)
    {
        _clock.WritePort(CmosRtc.IndexPort, register);
        _clock.WritePort(CmosRtc.IndexPort + 1, value);
    }

    private sealed class SetTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
