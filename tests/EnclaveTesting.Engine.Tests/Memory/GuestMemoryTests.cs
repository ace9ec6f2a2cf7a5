using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Memory;

public class GuestMemoryTests
{
    private const long FourGiBOfRam = 4L << 30;

    [Theory]
    [InlineData(0)]
    [InlineData(-4096)]
    [InlineData(1 << 20)]
    [InlineData((2 << 20) + 1)]
    [InlineData(long.MaxValue & ~4095L)]
    public void Refuses_sizes_that_cannot_be(long size)
    {
        Action allocate = () => GuestMemory.Allocate(size).Dispose();

        allocate.Should().Throw<GuestMemoryException>().WithMessage($"*{size}*");
    }

    [Fact]
    public void Reads_as_zero_and_keeps_what_is_written()
    {
        using GuestMemory memory = GuestMemory.Allocate(4 << 20);

        memory.TryRead(new GuestAddress(0x3F_FFF8), out ulong before).Should().BeTrue();
        memory.TryWrite(new GuestAddress(0x3F_FFF8), 0x1122334455667788UL).Should().BeTrue();

        before.Should().Be(0);
        memory.GetSpan(new GuestAddress(0x3F_FFF8), 8).ToArray().Should().Equal(0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11);
    }

    [Theory]
    [InlineData(0x40_0000, 1)]
    [InlineData(0x3F_FFFF, 2)]
    [InlineData(0, 0x40_0001)]
    [InlineData(ulong.MaxValue, 1)]
    [InlineData(ulong.MaxValue, 2)]
    [InlineData(0x10_0000, ulong.MaxValue)]
    public void Gives_no_view_past_the_end(ulong address, ulong length)
    {
        using GuestMemory memory = GuestMemory.Allocate(4 << 20);

        memory.TryGetSpan(new GuestAddress(address), length, out Span<byte> span).Should().BeFalse();
        span.IsEmpty.Should().BeTrue();
    }

    [Fact]
    public void Ram_past_three_gibibytes_continues_at_four()
    {
        using GuestMemory memory = GuestMemory.Allocate(FourGiBOfRam);

        memory.Regions.Should().Equal(
            new MemoryRegion(new GuestAddress(0), 0xC000_0000, 0),
            new MemoryRegion(new GuestAddress(0x1_0000_0000), 0x4000_0000, 0xC000_0000));
        memory.Contains(new GuestAddress(0xBFFF_FFFF), 1).Should().BeTrue();
        memory.Contains(new GuestAddress(0xBFFF_FFFF), 2).Should().BeFalse("views do not run into the device hole");
        memory.Contains(new GuestAddress(0xD000_0000), 4).Should().BeFalse();
        memory.Contains(new GuestAddress(0x1_3FFF_FFF8), 8).Should().BeTrue();
        memory.Contains(new GuestAddress(0x1_3FFF_FFF8), 9).Should().BeFalse();
    }

    [Fact]
    public void A_view_that_must_exist_says_what_was_asked()
    {
        using GuestMemory memory = GuestMemory.Allocate(4 << 20);
        Action view = () => memory.GetSpan(new GuestAddress(0xD000_0000), 16);

        view.Should().Throw<GuestMemoryException>().WithMessage("*16 bytes at 0xd0000000*");
    }
}
