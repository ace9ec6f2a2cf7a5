using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Devices.Virtio;

/// <summary>The registers of the MMIO transport (virtio 1.2, section 4.2.2) before drivers that obey and drivers that do not.</summary>
public sealed class VirtioMmioTests : IDisposable
{
    private const ulong Ring = VirtioDriver.IndirectDescriptors | VirtioDriver.EventIndex, Version1 = VirtioDriver.Version1;
    private const uint Negotiated = VirtioDriver.Acknowledge | VirtioDriver.Driver | VirtioDriver.FeaturesOk;
    private const uint UsedBuffer = 1, ConfigurationChange = 2;

    private readonly RecordingDevice _device = new();
    private readonly VirtioDriver _driver;

    public VirtioMmioTests() => _driver = new VirtioDriver(_device);

    public void Dispose() => _driver.Dispose();

    [Fact]
    public void It_says_what_it_is()
    {
        _driver.Read(0x00).Should().Be(0x74726976);
        _driver.Read(0x04).Should().Be(2);
        _driver.Read(0x08).Should().Be(42);
        _driver.Status.Should().Be(0);
        _driver.Read(0xFC).Should().Be(0, "the configuration never changes");
        new[] { 0xB0, 0xB4, 0xB8, 0xBC }.Select(offset => _driver.Read((ulong)offset)).Should().AllBeEquivalentTo(uint.MaxValue, "there is no shared memory");
    }

    [Fact]
    public void It_offers_its_own_features_the_rings_and_version_1()
    {
        _driver.OfferedFeatures.Should().Be(0x21 | Ring | Version1);
        _driver.Write(0x14, 2);
        _driver.Read(0x10).Should().Be(0);
    }

    [Theory]
    [InlineData(Version1, true)]
    [InlineData(Version1 | Ring | 0x21, true)]
    [InlineData(0UL, false)]
    [InlineData(Ring, false)]
    [InlineData(Version1 | 0x2, false)]
    [InlineData(Version1 | (1UL << 34), false)]
    public void Features_are_accepted_if_all_were_offered_and_version_1_is_among_them(ulong features, bool accepted)
    {
        _driver.Negotiate(features).Should().Be(accepted);
        _driver.Start();
        _device.Calls.Should().Equal(accepted ? ["reset", "activate"] : ["reset"], "without agreed features nothing starts");
        (_driver.Status & VirtioDriver.DriverOk).Should().Be(accepted ? VirtioDriver.DriverOk : 0);
    }

    [Fact]
    public void A_refused_driver_may_ask_for_less()
    {
        _driver.Negotiate(Version1 | 0x2).Should().BeFalse();
        _driver.Negotiate(Version1 | 0x1).Should().BeTrue();
    }

    [Fact]
    public void Agreed_features_are_settled()
    {
        _driver.Negotiate(Version1);
        _driver.Write(0x24, 0);
        _driver.Write(0x20, 0x21);
        _driver.Transport.State.DriverFeatures.Should().Be(Version1);
    }

    [Fact]
    public void A_reset_forgets_everything()
    {
        _driver.Negotiate(Version1);
        DriverQueue queue = _driver.SetUpQueue(0, 16);
        _driver.Start();
        queue.Add(new DriverBuffer(_driver.Allocate(8), 8));
        _driver.Ring(0);
        _driver.Read(VirtioDriver.InterruptStatus).Should().Be(UsedBuffer);

        _driver.Status = 0;

        _driver.Status.Should().Be(0);
        _driver.Read(VirtioDriver.InterruptStatus).Should().Be(0);
        _driver.Write(0x30, 0);
        _driver.Read(0x44).Should().Be(0);
        _device.Calls[^1].Should().Be("reset");
        _driver.Ring(0);
        _device.Calls[^1].Should().Be("reset", "a device that was reset hears no bell");
    }

    [Fact]
    public void Bits_of_the_status_are_only_added()
    {
        _driver.Negotiate(Version1);
        _driver.Status = VirtioDriver.Acknowledge;
        _driver.Status.Should().Be(Negotiated);
        _driver.Status = Negotiated | 0x30 | VirtioDriver.NeedsReset;
        _driver.Status.Should().Be(Negotiated, "the device alone says that it needs a reset, and 0x30 means nothing");
    }

    [Fact]
    public void A_driver_that_gave_up_is_left_alone()
    {
        _driver.Negotiate(Version1);
        _driver.SetUpQueue(0, 16);
        _driver.Start();
        _driver.Status = Negotiated | VirtioDriver.DriverOk | VirtioDriver.Failed;
        _driver.Ring(0);
        _device.Calls.Should().Equal("reset", "activate");
    }

    [Fact]
    public void Queues_have_their_sizes_and_others_do_not_exist()
    {
        foreach ((uint index, uint size) in new[] { (0u, 16u), (1u, 4u), (2u, 0u), (uint.MaxValue, 0u) })
        {
            _driver.Write(0x30, index);
            _driver.Read(0x34).Should().Be(size);
            _driver.Write(0x38, size);
            _driver.Write(0x44, 1);
            _driver.Read(0x44).Should().Be(0, "no features are agreed, so no queue is ready");
        }

        _driver.Faults.Should().BeEmpty();
    }

    [Fact]
    public void Queues_are_heard_once_the_driver_is_ready()
    {
        _driver.Negotiate(Version1);
        DriverQueue queue = _driver.SetUpQueue(1, 4);
        queue.Add(new DriverBuffer(_driver.Allocate(8), 8));
        _driver.Ring(1);
        _device.Calls.Should().Equal("reset");
        _driver.Start();
        _driver.Ring(0);
        _driver.Ring(2);
        _driver.Ring(uint.MaxValue);
        _device.Calls.Should().Equal("reset", "activate");
        _driver.Ring(1);
        _device.Calls.Should().Equal("reset", "activate", "queue 1");
        queue.TryTakeUsed(out _, out _).Should().BeTrue();
    }

    [Fact]
    public void A_used_buffer_is_an_edge_and_a_bit_until_it_is_acknowledged()
    {
        _driver.Negotiate(Version1);
        DriverQueue queue = _driver.SetUpQueue(0, 16);
        _driver.Start();
        for (int i = 0; i < 2; i++)
        {
            queue.Add(new DriverBuffer(_driver.Allocate(8), 8));
            _driver.Ring(0);
            _driver.Line.TakeEdges().Should().Be(1, "even if the last interrupt is not acknowledged yet");
            _driver.Read(VirtioDriver.InterruptStatus).Should().Be(UsedBuffer);
        }

        _driver.Write(VirtioDriver.InterruptAcknowledge, ConfigurationChange);
        _driver.Read(VirtioDriver.InterruptStatus).Should().Be(UsedBuffer);
        _driver.Write(VirtioDriver.InterruptAcknowledge, UsedBuffer);
        _driver.Read(VirtioDriver.InterruptStatus).Should().Be(0);
        _driver.Ring(0);
        _driver.Line.TakeEdges().Should().Be(0, "nothing was given back");
    }

    [Theory]
    [InlineData(0u, "0 entries")]
    [InlineData(3u, "3 entries")]
    [InlineData(32u, "32 entries")]
    [InlineData(0x1_0010u, "65535 entries")]
    public void A_queue_of_impossible_size_needs_a_reset(uint size, string problem)
    {
        _driver.Negotiate(Version1);
        _driver.PlaceQueue(0, size, new(0x1000), new(0x2000), new(0x3000));
        _driver.Write(0x44, 1);

        _driver.Status.Should().Be(Negotiated | VirtioDriver.NeedsReset);
        _driver.Read(0x44).Should().Be(0);
        _driver.Faults.Should().ContainSingle().Which.Should().Contain(problem).And.Contain("device 42");
        _driver.Line.Edges.Should().Be(0, "before DRIVER_OK there is nobody to interrupt");
    }

    [Fact]
    public void A_queue_outside_the_memory_needs_a_reset_and_works_after_it()
    {
        _driver.Negotiate(Version1);
        _driver.PlaceQueue(0, 16, new(0x1000), new(0xFFFF_FFFF_0000_0000), new(0x3000));
        _driver.Write(0x44, 1);
        _driver.Status.Should().Be(Negotiated | VirtioDriver.NeedsReset);
        _driver.Start();
        _device.Calls.Should().Equal("reset");

        _driver.Negotiate(Version1).Should().BeTrue();
        DriverQueue queue = _driver.SetUpQueue(0, 16);
        _driver.Start();
        queue.Add(new DriverBuffer(_driver.Allocate(8), 8));
        _driver.Ring(0);
        queue.TryTakeUsed(out _, out _).Should().BeTrue();
    }

    [Fact]
    public void A_broken_rule_stops_the_device_and_tells_the_driver_once()
    {
        _driver.Negotiate(Version1);
        DriverQueue first = _driver.SetUpQueue(0, 16), second = _driver.SetUpQueue(1, 4);
        _driver.Start();
        first.MakeAvailable(99);
        second.MakeAvailable(99);

        _driver.Ring(0);
        _driver.Ring(1);

        _driver.Status.Should().Be(Negotiated | VirtioDriver.DriverOk | VirtioDriver.NeedsReset);
        _driver.Read(VirtioDriver.InterruptStatus).Should().Be(ConfigurationChange);
        _driver.Line.Edges.Should().Be(1);
        _driver.Faults.Should().ContainSingle().Which.Should().Contain("descriptor 99");
        _device.Calls.Should().Equal("reset", "activate", "queue 0");
    }

    [Fact]
    public void A_ready_queue_keeps_its_place_until_it_is_taken_back()
    {
        _driver.Negotiate(Version1);
        DriverQueue queue = _driver.SetUpQueue(0, 16);
        _driver.PlaceQueue(0, 4, new(0x8000), new(0x9000), new(0xA000));
        _driver.Transport.Queue(0).State.Should().Match<EnclaveTesting.Engine.Devices.Virtio.VirtqueueState>(
            state => state.Size == 16 && state.DescriptorTable == queue.Descriptors && state.AvailableRing == queue.Available && state.UsedRing == queue.Used);

        _driver.Write(0x44, 0);
        _driver.Read(0x44).Should().Be(0);
        _driver.PlaceQueue(0, 4, new(0x8000), new(0x9000), new(0xA000));
        _driver.Write(0x44, 1);
        _driver.Read(0x44).Should().Be(1);
        _driver.Transport.Queue(0).State.Size.Should().Be(4);
    }

    [Theory]
    [InlineData(0, 1, new byte[] { 1 })]
    [InlineData(5, 1, new byte[] { 6 })]
    [InlineData(1, 2, new byte[] { 2, 3 })]
    [InlineData(2, 4, new byte[] { 3, 4, 5, 6 })]
    [InlineData(0, 8, new byte[] { 1, 2, 3, 4, 5, 6, 0, 0 })]
    [InlineData(3, 3, new byte[] { 4, 5, 6 })]
    [InlineData(4, 4, new byte[] { 5, 6, 0, 0 })]
    [InlineData(6, 1, new byte[] { 0 })]
    [InlineData(0xEFF, 1, new byte[] { 0 })]
    public void The_configuration_is_read_at_any_size(int offset, int length, byte[] expected) =>
        _driver.ReadBytes(0x100 + (ulong)offset, length).Should().Equal(expected);

    [Fact]
    public void The_configuration_cannot_be_written()
    {
        _driver.Transport.WriteMmio(0x100, [9, 9, 9, 9]);
        _driver.ReadBytes(0x100, 4).Should().Equal(1, 2, 3, 4);
    }

    [Theory]
    [InlineData(0x00, 1)]
    [InlineData(0x00, 2)]
    [InlineData(0x00, 8)]
    [InlineData(0x02, 4)]
    [InlineData(0xFE, 4)]
    public void Registers_are_32_bits_wide_and_nothing_else(int offset, int length)
    {
        _driver.ReadBytes((ulong)offset, length).Should().AllBeEquivalentTo((byte)0);
        _driver.Negotiate(Version1).Should().BeTrue();
        _driver.Transport.WriteMmio(0x70, [0]);
        _driver.Transport.WriteMmio(0x71, [0, 0, 0, 0]);
        _driver.Transport.WriteMmio(0x70, new byte[8]);
        _driver.Status.Should().Be(Negotiated, "a status written by halves resets nothing");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Random_accesses_do_no_harm(int seed)
    {
        var random = new Random(seed);
        _driver.Memory.GetSpan(new GuestAddress(0), 1 << 20).Fill(1);
        byte[] bytes = new byte[8];
        int starts = 0;
        for (int i = 0; i < 200_000; i++)
        {
            ulong offset = (ulong)random.Next(16) switch { 0 => (ulong)random.Next(0x1000 - 8), _ => (ulong)random.Next(0x44) * 4 };
            int length = random.Next(8) == 0 ? random.Next(1, 9) : 4;
            random.NextBytes(bytes);
            if (random.Next(2) == 0)
                bytes.AsSpan(1).Clear();
            if (random.Next(2) == 0)
                _driver.Transport.ReadMmio(offset, bytes.AsSpan(0, length));
            else
                _driver.Transport.WriteMmio(offset, bytes.AsSpan(0, length));
            if (random.Next(64) == 0)
            {
                _driver.Negotiate(Version1 | ((ulong)random.Next(4) << 28));
                _driver.PlaceQueue((uint)random.Next(2), 4, new(0x1000), new(0x2000), new(0x3000));
                _driver.Write(0x44, 1);
                _driver.Start();
                starts += _driver.Transport.IsActive ? 1 : 0;
            }
        }

        starts.Should().BeGreaterThan(1000, "seed {0}", seed);
    }
}
