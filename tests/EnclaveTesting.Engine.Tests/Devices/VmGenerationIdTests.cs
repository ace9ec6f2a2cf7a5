using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Devices;

/// <summary>The generation id, as drivers/virt/vmgenid.c sees it.</summary>
public sealed class VmGenerationIdTests : IDisposable
{
    private readonly GuestMemory _memory = GuestMemory.Allocate(2 << 20);
    private readonly RecordedLine _line = new();
    private readonly VmGenerationId _device;

    public VmGenerationIdTests() => _device = new VmGenerationId(_memory, _line);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void A_guest_that_was_not_told_of_it_has_none()
    {
        _device.Renew();

        Page().Should().OnlyContain(value => value == 0);
        _line.Edges.Should().Be(0);
    }

    [Fact]
    public void The_first_id_comes_without_an_interrupt()
    {
        _device.Begin();

        Page()[..16].Should().Contain(value => value != 0);
        Page()[16..].Should().OnlyContain(value => value == 0);
        _line.Edges.Should().Be(0);
    }

    [Fact]
    public void Each_renewal_is_another_id_and_one_interrupt()
    {
        var told = new List<ulong>();
        _memory.WrittenByDevice = (offset, length) => told.Add(offset + length);
        _device.Begin();
        byte[] first = Page();
        _device.Renew();
        byte[] second = Page();
        _line.TakeEdges().Should().Be(1);
        _line.Level.Should().BeFalse("the next one has to rise again");
        _device.Renew();

        _line.TakeEdges().Should().Be(1);
        new[] { first, second, Page() }.Select(Convert.ToHexString).Should().OnlyHaveUniqueItems();
        told.Should().Equal(0xFF010, 0xFF010, 0xFF010);
    }

    [Fact]
    public void What_the_guest_writes_there_does_not_matter()
    {
        _device.Begin();
        _memory.GetSpan(new GuestAddress(0xFF000), 4096).Fill(0xAA);
        _device.Renew();

        Page()[..16].Should().NotEqual(Enumerable.Repeat((byte)0xAA, 16));
        Page()[16..].Should().OnlyContain(value => value == 0xAA);
    }

    private byte[] Page() => _memory.GetSpan(new GuestAddress(0xFF000), 4096).ToArray();
}
