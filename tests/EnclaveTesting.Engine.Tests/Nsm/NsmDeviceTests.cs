using System.Formats.Cbor;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Tests.Devices.Virtio;
using EnclaveTesting.Tests.Shared;

namespace EnclaveTesting.Engine.Tests.Nsm;

/// <summary>The device behind its virtqueue: who may put what where, and what happens to those who do otherwise.</summary>
public sealed class NsmDeviceTests : IDisposable
{
    private static readonly byte[] Describe = Cbor.Encode(writer => writer.WriteTextString("DescribeNSM"));

    private readonly NsmDriver _driver = new();

    public void Dispose() => _driver.Dispose();

    [Theory]
    [InlineData(VirtioDriver.Version1)]
    [InlineData(VirtioDriver.Version1 | VirtioDriver.EventIndex)]
    [InlineData(VirtioDriver.Version1 | VirtioDriver.EventIndex | VirtioDriver.IndirectDescriptors)]
    public void A_request_and_its_room_are_two_chains_as_Linux_has_them(ulong features)
    {
        _driver.Features = features;
        _driver.Restart();

        // More often than the ring has entries.
        for (int i = 0; i < 3 * NsmDriver.QueueSize; i++)
        {
            _driver.TakeInterrupts();
            byte[] response = _driver.Ask(Describe)!;
            _driver.Queue.UsedEvent = _driver.Queue.UsedIndex;

            Cbor.Member(Cbor.Decode(response), "DescribeNSM", "max_pcrs").Should().Be(32L);
            _driver.TakeInterrupts().Should().Be(1, "the driver takes both chains when it is interrupted once");
        }
    }

    [Fact]
    public void Several_exchanges_may_wait_at_once()
    {
        _driver.PutRequest(Describe);
        for (int i = 0; i < NsmDriver.QueueSize / 2; i++)
        {
            _driver.Queue.Add(_driver.RequestBuffer(Describe.Length));
            _driver.Queue.Add(_driver.ResponseBuffer());
        }

        _driver.Ring();

        _driver.Queue.Outstanding.Should().Be(NsmDriver.QueueSize);
        for (int i = 0; i < NsmDriver.QueueSize; i++)
        {
            _driver.Queue.TryTakeUsed(out _, out uint length).Should().BeTrue();
            (length == 0).Should().Be(i % 2 == 0);
        }

        _driver.TakeInterrupts().Should().Be(1);
        _driver.Waker.Count.Should().Be(0);
    }

    [Fact]
    public void Buffers_may_be_cut_into_pieces()
    {
        _driver.PutRequest(Describe);
        ushort first = _driver.Queue.Add(_driver.RequestBuffer(3), _driver.RequestBuffer(0, 3), _driver.RequestBuffer(Describe.Length - 3, 3));
        ushort second = _driver.Queue.Add(_driver.ResponseBuffer(1), _driver.ResponseBuffer(50, 1), _driver.ResponseBuffer(4000, 51));
        _driver.Ring();

        Cbor.Member(Cbor.Decode(_driver.TakeResponse(first, second)), "DescribeNSM", "digest").Should().Be("SHA384");
    }

    [Fact]
    public void A_request_waits_for_its_room()
    {
        _driver.PutRequest(Describe);
        ushort first = _driver.Queue.Add(_driver.RequestBuffer(Describe.Length));
        _driver.Ring();

        _driver.Queue.UsedIndex.Should().Be(0);
        _driver.TakeInterrupts().Should().Be(0);
        _driver.Device.State.Head.Should().Be(first);

        // What stands there now is too late.
        _driver.PutRequest(new byte[Describe.Length]);
        ushort second = _driver.Queue.Add(_driver.ResponseBuffer());
        _driver.Ring();

        Cbor.Member(Cbor.Decode(_driver.TakeResponse(first, second)), "DescribeNSM");
        _driver.Device.State.Head.Should().BeNull();
    }

    [Fact]
    public void A_reset_forgets_the_request_that_waits_and_keeps_the_registers()
    {
        Extend(16);
        PcrValue before = _driver.Pcrs.Current[16];
        _driver.PutRequest(Cbor.Encode(ExtendRequest(16)));
        _driver.Queue.Add(_driver.RequestBuffer(60));
        _driver.Ring();
        _driver.Device.State.Head.Should().NotBeNull();

        _driver.Restart();

        _driver.Device.State.Head.Should().BeNull();
        Cbor.Member(Cbor.Decode(_driver.Ask(Describe)), "DescribeNSM");
        _driver.Pcrs.Current[16].Should().Be(before).And.NotBe(default);
    }

    [Fact]
    public void An_empty_request_is_refused_not_fatal() =>
        Cbor.ErrorOf(Cbor.Decode(_driver.Ask([]))).Should().Be("InvalidOperation");

    [Theory]
    [InlineData(4096, null)]
    [InlineData(4097, "InputTooLarge")]
    [InlineData(8192, "InputTooLarge")]
    public void A_request_has_4096_bytes_at_most(int length, string? error) =>
        Cbor.ErrorOf(Cbor.Decode(_driver.Ask([.. Describe, .. new byte[length - Describe.Length]]))).Should().Be(error);

    [Theory]
    [InlineData(22, "BufferTooSmall")]
    [InlineData(100, "BufferTooSmall")]
    [InlineData(12288, null)]
    [InlineData(20000, null)]
    public void Short_room_gets_an_error_that_fits(int room, string? error)
    {
        _driver.ResponseMemory(24000).Fill(0xEE);

        byte[] response = _driver.Ask(Describe, room)!;

        Cbor.ErrorOf(Cbor.Decode(response)).Should().Be(error);
        _driver.ResponseMemory(24000)[response.Length..].IndexOfAnyExcept((byte)0xEE).Should().Be(-1, "nothing is written behind the response");
    }

    [Fact]
    public void Room_for_nothing_stops_the_device()
    {
        foreach (int room in (int[])[0, 1, 21])
        {
            _driver.Ask(Describe, room).Should().BeNull();
            _driver.NeedsReset.Should().BeTrue();
            _driver.Queue.UsedIndex.Should().Be(0);
            _driver.Restart();
        }

        _driver.Ask(Describe).Should().NotBeNull();
    }

    [Fact]
    public void Chains_of_the_wrong_direction_stop_the_device()
    {
        Broken("request", queue => queue.Add(_driver.RequestBuffer(Describe.Length, writable: true)));
        Broken("request", queue => queue.Add(_driver.RequestBuffer(Describe.Length), _driver.ResponseBuffer()));
        Broken("request", queue => queue.Add(_driver.ResponseBuffer()));
        Broken("followed", queue => queue.Add(_driver.RequestBuffer(Describe.Length)), queue => queue.Add(_driver.RequestBuffer(Describe.Length)));
        Broken("followed", queue => queue.Add(_driver.RequestBuffer(Describe.Length)), queue => queue.Add(_driver.ResponseBuffer(writable: false)));
        Broken("followed", queue => queue.Add(_driver.RequestBuffer(Describe.Length)),
            queue => queue.Add(_driver.RequestBuffer(Describe.Length), _driver.ResponseBuffer()));
        _driver.Ask(Describe).Should().NotBeNull();

        void Broken(string reason, params ReadOnlySpan<Action<DriverQueue>> chains)
        {
            int faults = _driver.Faults.Count;
            _driver.PutRequest(Describe);
            foreach (Action<DriverQueue> add in chains)
                add(_driver.Queue);
            _driver.Ring();

            _driver.NeedsReset.Should().BeTrue();
            _driver.Faults.Should().HaveCount(faults + 1);
            _driver.Faults[^1].Should().Contain("security module").And.Contain(reason);
            _driver.Queue.UsedIndex.Should().Be(0, "nothing comes back");
            _driver.Restart();
        }
    }

    [Fact]
    public void Nothing_happens_for_a_request_that_cannot_be_answered_where_its_room_is_wrong()
    {
        PcrValue before = _driver.Pcrs.Current[16];
        _driver.PutRequest(Cbor.Encode(ExtendRequest(16)));
        _driver.Queue.Add(_driver.RequestBuffer(60));
        _driver.Queue.Add(_driver.ResponseBuffer(writable: false));
        _driver.Ring();

        _driver.NeedsReset.Should().BeTrue();
        _driver.Pcrs.Current[16].Should().Be(before);
    }

    /// <summary>A second CPU that adds requests as fast as they are answered must not hold the machine's lock for ever.</summary>
    [Fact]
    public void Only_so_many_requests_are_answered_before_the_machine_goes_on()
    {
        var time = new CallingTime();
        using var driver = new NsmDriver(time: time);
        byte[] attest = Cbor.Encode(writer =>
        {
            writer.WriteStartMap(1);
            writer.WriteTextString("Attestation");
            writer.WriteStartMap(0);
            writer.WriteEndMap();
            writer.WriteEndMap();
        });
        driver.PutRequest(attest);
        driver.Queue.WriteDescriptor(0, driver.RequestBuffer(attest.Length).Address, (uint)attest.Length, 0, 0);
        driver.Queue.WriteDescriptor(1, driver.ResponseBuffer().Address, NsmProtocol.MaxResponseSize, DriverQueue.Writable, 0);
        time.Called = () =>
        {
            driver.Queue.MakeAvailable(0);
            driver.Queue.MakeAvailable(1);
        };

        time.Called();
        driver.Ring();

        driver.Waker.Count.Should().Be(1);
        driver.Queue.UsedIndex.Should().Be(2 * NsmDriver.QueueSize);
        driver.TakeInterrupts().Should().Be(1);

        time.Called = null;
        driver.DoHostWork();

        driver.Queue.UsedIndex.Should().Be(2 * (NsmDriver.QueueSize + 1), "the one that was added last is left");
        driver.DoHostWork();
        driver.Queue.UsedIndex.Should().Be(2 * (NsmDriver.QueueSize + 1));
        driver.Waker.Count.Should().Be(1);
    }

    private static Action<CborWriter> ExtendRequest(int index) => writer =>
    {
        writer.WriteStartMap(1);
        writer.WriteTextString("ExtendPCR");
        writer.WriteStartMap(2);
        writer.WriteTextString("index");
        writer.WriteInt32(index);
        writer.WriteTextString("data");
        writer.WriteByteString(new byte[32]);
        writer.WriteEndMap();
        writer.WriteEndMap();
    };

    private void Extend(int index) => Cbor.Member(Cbor.Decode(_driver.Ask(ExtendRequest(index))), "ExtendPCR", "data");

    private sealed class CallingTime : TimeProvider
    {
        public Action? Called { get; set; }

        public override DateTimeOffset GetUtcNow()
        {
            Called?.Invoke();
            return System.GetUtcNow();
        }
    }
}
