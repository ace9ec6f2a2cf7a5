using EnclaveTesting.Engine.Accelerators.Software.Chipset;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Tests.State;

/// <summary>Saved registers that no device can have are refused.</summary>
public class DeviceStateTests
{
    [Fact]
    public void A_vector_base_of_an_8259_is_a_multiple_of_eight() =>
        Refused(new Pic8259State { VectorBase = 0xFF }.Exchange, new Pic8259State().Exchange).Expected.Should().Contain("multiple of 8");

    [Fact]
    public void A_counter_that_counts_has_a_count() =>
        Refused(new Pit8254ChannelState { IsCounting = true }.Exchange, new Pit8254ChannelState().Exchange).Expected.Should().Contain("count");

    [Fact]
    public void A_receiver_s_bytes_lie_in_its_FIFO() =>
        Refused(new Uart16550State { ReceiveStart = Uart16550State.FifoSize }.Exchange, new Uart16550State().Exchange).Expected.Should().Contain("ReceiveStart");

    [Fact]
    public void The_host_connects_from_ports_of_its_own()
    {
        var saved = new VsockDevice(Cid.DefaultEnclave);
        saved.Host.NextPort = 9000;

        Refused(saved.Exchange, new VsockDevice(Cid.DefaultEnclave).Exchange).Expected.Should().Contain("NextPort");
    }

    private static StateFormatException Refused(Action<StateArchive> save, Action<StateArchive> restore)
    {
        StateArchive written = StateArchive.ToWrite();
        save(written);
        return restore.Invoking(exchange => exchange(StateArchive.ToRead("file", 1000, written.Written))).Should().Throw<StateFormatException>().Which;
    }
}
