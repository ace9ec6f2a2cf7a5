using EnclaveTesting.Engine.Devices.Virtio;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Tests.Devices.Virtio;

/// <summary>The device's side of a split virtqueue before drivers that obey and drivers that do not.</summary>
public sealed class VirtqueueTests : IDisposable
{
    private const ushort Size = 8, MaximumSize = 256;
    private static readonly GuestAddress Rings = new(0x1000), Buffers = new(0x10_0000), Table = new(0x8_0000);

    // Large enough that 256 buffers of all of it are more than 4 GiB; nothing of it is touched.
    private readonly GuestMemory _memory = GuestMemory.Allocate(32 << 20);
    private readonly List<string> _faults = [];
    private readonly Virtqueue _queue;
    private readonly DriverQueue _driver;

    public VirtqueueTests()
    {
        _queue = new Virtqueue(_memory, MaximumSize, _faults.Add);
        _driver = new DriverQueue(_memory, Size, Rings);
        _driver.Configure(_queue);
    }

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void Chains_come_in_order_with_their_parts_apart()
    {
        Enable();
        _memory.Write(Buffers, "head"u8);
        _memory.Write(Buffers + 0x1000, "tail"u8);
        ushort first = _driver.Add(new(Buffers, 4), new(Buffers + 0x1000, 4), new(Buffers + 0x2000, 3, true), new(Buffers + 0x3000, 100, true));
        ushort second = _driver.Add(new DriverBuffer(Buffers + 0x4000, 10, true));

        _queue.TryPop(out DescriptorChain chain).Should().BeTrue();
        (chain.Head, chain.Count, chain.ReadableLength, chain.WritableLength).Should().Be((first, 4, 8u, 103u));
        byte[] read = new byte[6];
        chain.Read(2, read).Should().Be(6);
        read.Should().Equal("adtail"u8.ToArray());
        chain.Read(7, read).Should().Be(1);
        chain.Read(8, read).Should().Be(0);
        chain.Write(1, "answer"u8).Should().Be(6);
        chain.Write(103, "x"u8).Should().Be(0);
        _memory.GetSpan(Buffers + 0x2000, 4).ToArray().Should().Equal(0, (byte)'a', (byte)'n', 0);
        _memory.GetSpan(Buffers + 0x3000, 4).ToArray().Should().Equal("swer"u8.ToArray());
        _queue.Push(chain.Head, 7);

        _queue.TryPop(out chain).Should().BeTrue();
        chain.Head.Should().Be(second);
        _queue.Push(chain.Head, 0);
        _queue.TryPop(out _).Should().BeFalse();

        Used().Should().Equal((first, 7u), (second, 0u));
        _faults.Should().BeEmpty();
    }

    [Fact]
    public void Indices_wrap_at_65536()
    {
        Enable();
        for (int i = 0; i < 70_000; i++)
        {
            ushort head = _driver.Add(new DriverBuffer(Buffers, (uint)(i % 100)));
            if (!_queue.TryPop(out DescriptorChain chain) || chain.Head != head || chain.ReadableLength != i % 100)
                Assert.Fail($"chain {i} is wrong: {string.Join("; ", _faults)}");
            _queue.Push(head, (uint)i);
            if (!_driver.TryTakeUsed(out ushort used, out uint length) || used != head || length != i)
                Assert.Fail($"used element {i} is wrong");
        }

        _queue.TryPop(out _).Should().BeFalse();
    }

    [Fact]
    public void Chains_may_be_given_back_in_another_order()
    {
        Enable();
        ushort first = _driver.Add(new DriverBuffer(Buffers, 1)), second = _driver.Add(new DriverBuffer(Buffers, 1));
        _queue.TryPop(out _);
        _queue.TryPop(out _);
        _queue.Push(second, 2);
        _queue.Push(first, 1);
        Used().Should().Equal((second, 2u), (first, 1u));
    }

    [Fact]
    public void Indirect_tables_are_followed()
    {
        _queue.AllowsIndirect = true;
        Enable();
        DriverBuffer[] buffers = [.. Enumerable.Range(0, MaximumSize).Select(i => new DriverBuffer(Buffers + (16UL * (uint)i), 16, i >= 200))];
        ushort head = _driver.AddIndirect(Table, buffers);

        _queue.TryPop(out DescriptorChain chain).Should().BeTrue(string.Join("; ", _faults));
        (chain.Head, chain.Count, chain.ReadableLength, chain.WritableLength).Should().Be((head, MaximumSize, 200 * 16u, 56 * 16u));
    }

    [Fact]
    public void Direct_descriptors_may_lead_to_an_indirect_table()
    {
        _queue.AllowsIndirect = true;
        Enable();
        _driver.WriteDescriptor(Table, 0, Buffers + 0x100, 5, DriverQueue.Writable, 0);
        _driver.WriteDescriptor(0, Buffers, 4, DriverQueue.Next, 1);
        _driver.WriteDescriptor(1, Table, 16, DriverQueue.Indirect, 0);
        _driver.MakeAvailable(0);

        _queue.TryPop(out DescriptorChain chain).Should().BeTrue(string.Join("; ", _faults));
        (chain.ReadableLength, chain.WritableLength).Should().Be((4u, 5u));
    }

    [Fact]
    public void A_queue_that_is_not_enabled_has_nothing()
    {
        _driver.Add(new DriverBuffer(Buffers, 1));
        _queue.HasAvailable().Should().BeFalse();
        _queue.TryPop(out _).Should().BeFalse();
    }

    [Fact]
    public void Without_event_index_the_flag_decides_about_interrupts()
    {
        Enable();
        _queue.TakeInterrupt().Should().BeFalse("nothing was given back");
        GiveBack(1);
        _queue.TakeInterrupt().Should().BeTrue();
        _queue.TakeInterrupt().Should().BeFalse("it was told already");
        _driver.AvailableFlags = DriverQueue.NoInterrupt;
        GiveBack(3);
        _queue.TakeInterrupt().Should().BeFalse();
        _driver.AvailableFlags = 0;
        _queue.TakeInterrupt().Should().BeFalse("what was suppressed stays so");
        GiveBack(1);
        _queue.TakeInterrupt().Should().BeTrue();
    }

    [Fact]
    public void The_event_index_decides_about_interrupts()
    {
        _queue.UsesEventIndex = true;
        Enable();
        _driver.AvailableFlags = DriverQueue.NoInterrupt;
        _driver.UsedEvent = 0;
        GiveBack(1);
        _queue.TakeInterrupt().Should().BeTrue("used index 0 was passed; the flag does not count");
        GiveBack(1);
        _queue.TakeInterrupt().Should().BeFalse("the driver asked for 0, which is past");
        _driver.UsedEvent = 4;
        GiveBack(2);
        _queue.TakeInterrupt().Should().BeFalse("4 is not reached: the index is 4, entry 4 is not written");
        GiveBack(1);
        _queue.TakeInterrupt().Should().BeTrue();
        _driver.UsedEvent = 7;
        GiveBack(6);
        _queue.TakeInterrupt().Should().BeTrue("7 lies among the entries since the last decision");
    }

    [Fact]
    public void The_event_index_works_across_the_wrap()
    {
        _queue.UsesEventIndex = true;
        Enable();
        for (int i = 0; i < 65_530; i++)
            GiveBack(1);
        _queue.TakeInterrupt();
        _driver.UsedEvent = 2;
        GiveBack(7);
        _queue.TakeInterrupt().Should().BeFalse("the index is 1");
        GiveBack(2);
        _queue.TakeInterrupt().Should().BeTrue("entry 2 was written");
    }

    [Fact]
    public void The_device_asks_to_be_rung_only_when_it_has_run_out()
    {
        _queue.UsesEventIndex = true;
        Enable();
        _queue.HasAvailable().Should().BeFalse();
        _driver.AvailableEvent.Should().Be(0);
        for (int i = 0; i < 3; i++)
            _driver.Add(new DriverBuffer(Buffers, 1));
        for (int i = 0; i < 3; i++)
        {
            _queue.TryPop(out DescriptorChain chain).Should().BeTrue();
            _queue.Push(chain.Head, 0);
            _driver.AvailableEvent.Should().Be(0, "while chains are left the driver need not ring");
        }

        _queue.TryPop(out _).Should().BeFalse();
        _driver.AvailableEvent.Should().Be(3);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(512)]
    [InlineData(65535)]
    public void Impossible_sizes_are_refused(int size)
    {
        _queue.State.Size = (ushort)size;
        _queue.Enable().Should().BeFalse();
        _faults.Should().ContainSingle().Which.Should().Contain($"{size} entries");
        _queue.State.Ready.Should().BeFalse();
    }

    [Theory]
    [InlineData("descriptor table", 0x1008UL, "not aligned to 16")]
    [InlineData("available ring", 0x1001UL, "not aligned to 2")]
    [InlineData("used ring", 0x1002UL, "not aligned to 4")]
    [InlineData("descriptor table", 0x1FF_FFF0UL, "not all RAM")]
    [InlineData("available ring", 0x1FF_FFF0UL, "not all RAM")]
    [InlineData("used ring", 0x1FF_FFF0UL, "not all RAM")]
    [InlineData("used ring", 0xFFFF_FFFF_FFFF_FFFCUL, "not all RAM")]
    [InlineData("descriptor table", 0xD000_0000UL, "not all RAM")]
    public void Impossible_rings_are_refused(string ring, ulong address, string problem)
    {
        switch (ring)
        {
            case "descriptor table":
                _queue.State.DescriptorTable = new GuestAddress(address);
                break;
            case "available ring":
                _queue.State.AvailableRing = new GuestAddress(address);
                break;
            default:
                _queue.State.UsedRing = new GuestAddress(address);
                break;
        }

        _queue.Enable().Should().BeFalse();
        _faults.Should().ContainSingle().Which.Should().Contain(ring).And.Contain(problem);
    }

    [Theory]
    [InlineData("available index too far ahead", "9 entries ahead")]
    [InlineData("head beyond the table", "descriptor 8 does not exist")]
    [InlineData("next beyond the table", "descriptor 200 does not exist")]
    [InlineData("loop", "more than 256 buffers")]
    [InlineData("buffer past the end of RAM", "not all RAM")]
    [InlineData("buffer that wraps", "not all RAM")]
    [InlineData("buffer in a device's window", "not all RAM")]
    [InlineData("readable after writable", "follows one for it to write")]
    [InlineData("more than 4 GiB", "more than 4 GiB")]
    [InlineData("indirect inside indirect", "inside an indirect table")]
    [InlineData("indirect with a next one", "with a next one")]
    [InlineData("indirect of no length", "table of 0 bytes")]
    [InlineData("indirect of odd length", "table of 24 bytes")]
    [InlineData("indirect past the end of RAM", "not all RAM")]
    [InlineData("indirect with a next beyond it", "descriptor 2 does not exist in a table of 2")]
    [InlineData("indirect too long", "more than 256 buffers")]
    public void Broken_rules_are_reported_and_stop_the_queue(string what, string problem)
    {
        _queue.AllowsIndirect = true;
        Enable();
        Break(what);

        _queue.TryPop(out _).Should().BeFalse();

        _faults.Should().ContainSingle().Which.Should().Contain(problem);
        _driver.UsedIndex.Should().Be(0);
    }

    [Fact]
    public void Indirect_tables_need_negotiation()
    {
        Enable();
        _driver.AddIndirect(Table, new DriverBuffer(Buffers, 1));
        _queue.TryPop(out _).Should().BeFalse();
        _faults.Should().ContainSingle().Which.Should().Contain("not negotiated");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_rings_are_walked_or_refused_and_nothing_else_is_touched(int seed)
    {
        var random = new Random(seed);
        // No chain may reach the upper half: descriptors that touch it also reach past the end of RAM.
        Span<byte> untouchable = _memory.GetSpan(new GuestAddress(16 << 20), 16 << 20);
        untouchable[^0x10000..].Fill(0x5A);
        int walked = 0, refused = 0;
        byte[] bytes = new byte[4096];
        for (int round = 0; round < 20_000; round++)
        {
            _queue.Reset();
            _faults.Clear();
            _driver.Configure(_queue);
            _queue.AllowsIndirect = random.Next(4) != 0;
            _queue.UsesEventIndex = random.Next(2) == 0;
            RandomTable(random, _driver.Descriptors, Size);
            RandomTable(random, Table, 16);
            for (int i = 0; i < Size; i++)
                _memory.Write(_driver.Available + 4 + (2UL * (uint)i), (ushort)random.Next(Size + 1));
            _driver.AvailableIndex = (ushort)random.Next(Size + 2);
            Enable();
            int pops = 0;
            while (_faults.Count == 0 && _queue.TryPop(out DescriptorChain chain))
            {
                pops++.Should().BeLessThan(Size, "seed {0}, round {1}", seed, round);
                chain.Count.Should().BeInRange(1, MaximumSize);
                chain.Read(0, bytes).Should().Be((int)Math.Min(chain.ReadableLength, (uint)bytes.Length));
                chain.Write(0, bytes).Should().Be((int)Math.Min(chain.WritableLength, (uint)bytes.Length));
                _queue.Push(chain.Head, 0);
                _queue.TakeInterrupt();
                walked++;
            }

            refused += _faults.Count;
            _faults.Count.Should().BeLessThan(2, "seed {0}, round {1}", seed, round);
        }

        untouchable[^0x10000..].IndexOfAnyExcept((byte)0x5A).Should().Be(-1, "seed {0}", seed);
        walked.Should().BeGreaterThan(1000);
        refused.Should().BeGreaterThan(1000);
    }

    private void RandomTable(Random random, GuestAddress table, int size)
    {
        for (int i = 0; i < size; i++)
        {
            ulong address = random.Next(12) switch
            {
                0 => (32UL << 20) - (ulong)random.Next(64),
                1 => ulong.MaxValue - (ulong)random.Next(64),
                2 => 0xD000_0000,
                < 6 => Table.Value,
                _ => Buffers.Value + (ulong)random.Next(0x10000),
            };
            uint length = address == Table.Value ? (uint)random.Next(1, 18) * 16 : random.Next(16) == 0 ? uint.MaxValue : (uint)random.Next(64, 200);
            // Buffers that a device would write never lie on the rings or on the table, so that it changes none of them.
            ushort flags = (ushort)(address == Table.Value ? DriverQueue.Indirect : random.Next(4));
            _driver.WriteDescriptor(table, (ushort)i, new GuestAddress(address), length, flags, (ushort)random.Next(size + (random.Next(8) == 0 ? 1 : 0)));
        }
    }

    private void Break(string what)
    {
        const ushort next = DriverQueue.Next, indirect = DriverQueue.Indirect;
        var end = new GuestAddress((ulong)_memory.Size);
        switch (what)
        {
            case "available index too far ahead":
                _driver.AvailableIndex = Size + 1;
                return;
            case "head beyond the table":
                _driver.MakeAvailable(Size);
                return;
            case "next beyond the table":
                _driver.WriteDescriptor(0, Buffers, 1, next, 200);
                break;
            case "loop":
                _driver.WriteDescriptor(0, Buffers, 1, next, 1);
                _driver.WriteDescriptor(1, Buffers, 1, next, 0);
                break;
            case "buffer past the end of RAM":
                _driver.WriteDescriptor(0, new GuestAddress(end.Value - 8), 9, 0, 0);
                break;
            case "buffer that wraps":
                _driver.WriteDescriptor(0, new GuestAddress(ulong.MaxValue), 2, 0, 0);
                break;
            case "buffer in a device's window":
                _driver.WriteDescriptor(0, new GuestAddress(MemoryLayout.VirtioMmioStart), 4, DriverQueue.Writable, 0);
                break;
            case "readable after writable":
                _driver.WriteDescriptor(0, Buffers, 1, next | DriverQueue.Writable, 1);
                _driver.WriteDescriptor(1, Buffers, 1, 0, 0);
                break;
            case "more than 4 GiB":
                _driver.WriteDescriptor(0, new GuestAddress(0), 32 << 20, next, 0);
                break;
            case "indirect inside indirect":
                _driver.WriteDescriptor(0, Table, 16, indirect, 0);
                _driver.WriteDescriptor(Table, 0, Table, 16, indirect, 0);
                break;
            case "indirect with a next one":
                _driver.WriteDescriptor(0, Table, 16, indirect | next, 1);
                break;
            case "indirect of no length":
                _driver.WriteDescriptor(0, Table, 0, indirect, 0);
                break;
            case "indirect of odd length":
                _driver.WriteDescriptor(0, Table, 24, indirect, 0);
                break;
            case "indirect past the end of RAM":
                _driver.WriteDescriptor(0, new GuestAddress(end.Value - 16), 32, indirect, 0);
                break;
            case "indirect with a next beyond it":
                _driver.WriteDescriptor(0, Table, 32, indirect, 0);
                _driver.WriteDescriptor(Table, 0, Buffers, 1, next, 2);
                break;
            case "indirect too long":
                _driver.WriteDescriptor(0, Table, 16 * (MaximumSize + 1), indirect, 0);
                for (ushort i = 0; i <= MaximumSize; i++)
                    _driver.WriteDescriptor(Table, i, Buffers, 1, next, (ushort)(i + 1));
                break;
            default:
                throw new ArgumentException(what);
        }

        _driver.MakeAvailable(0);
    }

    private void Enable() => _queue.Enable().Should().BeTrue(string.Join("; ", _faults));

    private void GiveBack(int count)
    {
        for (int i = 0; i < count; i++)
        {
            _driver.Add(new DriverBuffer(Buffers, 1));
            if (!_queue.TryPop(out DescriptorChain chain))
                Assert.Fail("nothing available");
            _queue.Push(chain.Head, 0);
            _driver.TryTakeUsed(out _, out _);
        }
    }

    private List<(ushort Head, uint Length)> Used()
    {
        var used = new List<(ushort, uint)>();
        while (_driver.TryTakeUsed(out ushort head, out uint length))
            used.Add((head, length));
        return used;
    }
}
