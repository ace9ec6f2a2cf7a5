using EnclaveTesting.Engine.Devices;

namespace EnclaveTesting.Engine.Tests.Devices;

/// <summary>The serial port, mostly as Linux's 8250 driver probes and drives it (drivers/tty/serial/8250/8250_port.c).</summary>
public class Uart16550Tests
{
    private const int Data = 0, InterruptEnable = 1, Identify = 2, FifoControl = 2, LineControl = 3, ModemControl = 4, LineStatus = 5, ModemStatus = 6, Scratch = 7;
    private const byte NothingPending = 1, TransmitterEmpty = 2, Received = 4, LineError = 6, FifosEnabled = 0xC0;
    private const byte Loop = 0x10, EnableTransmitterEmpty = 2, DataReady = 1, Overrun = 2, LineIdle = 0x60;

    private readonly RecordedSink _sink = new();
    private readonly RecordedLine _line = new();
    private readonly Uart16550 _uart;

    public Uart16550Tests() => _uart = new Uart16550(_sink, _line);

    [Fact]
    public void The_kernels_probe_finds_a_16550A()
    {
        // autoconfig: is there anything?
        Write(InterruptEnable, 0);
        (Read(InterruptEnable) & 0x0F).Should().Be(0);
        Write(InterruptEnable, 0x0F);
        (Read(InterruptEnable) & 0x0F).Should().Be(0x0F);
        Write(InterruptEnable, 0);

        // The loopback: OUT2 and RTS come back as carrier and clear-to-send.
        byte modem = Read(ModemControl);
        Write(ModemControl, Loop | 0x0A);
        (Read(ModemStatus) & 0xF0).Should().Be(0x90);
        Write(ModemControl, modem);

        // The FIFO tells a 16550A from a 16450; no enhanced registers, no 64-byte FIFO, no UUE bit.
        Write(LineControl, 0);
        Write(FifoControl, 1);
        (Read(Identify) & 0xE0).Should().Be(FifosEnabled);
        Write(LineControl, 0x80);
        Write(FifoControl, 0x21);
        (Read(Identify) & 0x20).Should().Be(0);
        Write(LineControl, 0);
        Write(FifoControl, 1);
        Write(InterruptEnable, 0x40);
        Read(InterruptEnable).Should().Be(0);
    }

    [Theory]
    [InlineData(0x01, 0x20)]
    [InlineData(0x02, 0x10)]
    [InlineData(0x04, 0x40)]
    [InlineData(0x08, 0x80)]
    public void Each_modem_output_comes_back_on_its_own_input(byte output, byte input)
    {
        Write(ModemControl, (byte)(Loop | output));
        Read(ModemStatus).Should().Be(input);
    }

    [Fact]
    public void Without_loopback_the_line_is_up() => Read(ModemStatus).Should().Be(0xB0);

    [Fact]
    public void Enabling_the_transmitters_interrupt_raises_it_every_time()
    {
        // serial8250_do_startup does this twice, to find chips that forget it the second time.
        for (int i = 0; i < 2; i++)
        {
            Write(InterruptEnable, EnableTransmitterEmpty);
            _line.Level.Should().BeTrue();
            Read(Identify).Should().Be(TransmitterEmpty);
            _line.Level.Should().BeFalse("reading the identification register takes the interrupt back");
            Read(Identify).Should().Be(NothingPending);
            Write(InterruptEnable, 0);
        }

        _line.Edges.Should().Be(2);
    }

    [Fact]
    public void Each_byte_sent_is_an_edge()
    {
        Write(InterruptEnable, EnableTransmitterEmpty);
        foreach (char c in "console")
        {
            _line.TakeEdges();
            Write(Data, (byte)c);
            _line.TakeEdges().Should().Be(1);
            (Read(LineStatus) & LineIdle).Should().Be(LineIdle, "the byte has left at once");
        }

        _sink.Text.Should().Be("console");
    }

    [Fact]
    public void A_polling_driver_gets_no_interrupts()
    {
        Write(Data, (byte)'x');
        _line.Edges.Should().Be(0);
        Read(Identify).Should().Be(NothingPending);
    }

    [Fact]
    public void Loopback_keeps_sixteen_bytes_in_order_and_sends_none()
    {
        Write(FifoControl, 1);
        Write(ModemControl, Loop);
        for (byte i = 0; i < 16; i++)
            Write(Data, i);
        for (byte i = 0; i < 8; i++)
            Read(Data).Should().Be(i);
        for (byte i = 16; i < 24; i++)
            Write(Data, i);
        for (byte i = 8; i < 24; i++)
        {
            (Read(LineStatus) & (DataReady | Overrun)).Should().Be(DataReady);
            Read(Data).Should().Be(i);
        }

        (Read(LineStatus) & DataReady).Should().Be(0);
        Read(Data).Should().Be(0);
        _sink.Text.Should().BeEmpty();
    }

    [Fact]
    public void An_overrun_of_the_FIFO_keeps_what_is_there_and_is_told_once()
    {
        Write(FifoControl, 1);
        Write(ModemControl, Loop);
        Write(InterruptEnable, 0x04);
        for (byte i = 0; i < 17; i++)
            Write(Data, i);

        _line.Level.Should().BeTrue();
        Read(Identify).Should().Be(FifosEnabled | LineError);
        (Read(LineStatus) & Overrun).Should().Be(Overrun);
        _line.Level.Should().BeFalse();
        (Read(LineStatus) & Overrun).Should().Be(0);
        Enumerable.Range(0, 16).Select(_ => (int)Read(Data)).Should().Equal(Enumerable.Range(0, 16));
    }

    [Fact]
    public void Without_FIFO_an_overrun_destroys_the_older_byte()
    {
        Write(ModemControl, Loop);
        Write(Data, 1);
        Write(Data, 2);

        (Read(LineStatus) & Overrun).Should().Be(Overrun);
        Read(Data).Should().Be(2);
        (Read(LineStatus) & DataReady).Should().Be(0);
    }

    [Fact]
    public void Received_bytes_interrupt_until_they_are_read_and_go_before_the_transmitter()
    {
        Write(ModemControl, Loop);
        Write(FifoControl, 1);
        Write(InterruptEnable, 0x03);
        Read(Identify);
        Write(Data, 1);
        Write(Data, 2);

        Read(Identify).Should().Be(FifosEnabled | Received);
        Read(Data);
        Read(Identify).Should().Be(FifosEnabled | Received);
        Read(Data);
        Read(Identify).Should().Be(FifosEnabled | TransmitterEmpty);
        Read(Identify).Should().Be(FifosEnabled | NothingPending);
        _line.Level.Should().BeFalse();
    }

    [Theory]
    [InlineData(0x03)] // clear receiver
    [InlineData(0x00)] // FIFO off
    public void Clearing_the_FIFO_empties_it(byte control)
    {
        Write(FifoControl, 1);
        Write(ModemControl, Loop);
        Write(InterruptEnable, 1);
        Write(Data, 9);
        _line.Level.Should().BeTrue();

        Write(FifoControl, control);

        (Read(LineStatus) & DataReady).Should().Be(0);
        _line.Level.Should().BeFalse();
    }

    [Fact]
    public void The_divisor_lies_behind_the_latch_bit()
    {
        Write(LineControl, 0x83);
        Write(0, 0x34);
        Write(1, 0x12);
        (Read(0), Read(1)).Should().Be(((byte)0x34, (byte)0x12));
        Write(LineControl, 0x03);

        Read(InterruptEnable).Should().Be(0);
        _sink.Text.Should().BeEmpty("a divisor is no data");
        Write(Scratch, 0xA5);
        Read(Scratch).Should().Be(0xA5);
        _uart.State.Divisor.Should().Be(0x1234);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Random_accesses_keep_line_and_status_in_step(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < 100_000; i++)
        {
            int register = random.Next(8);
            if (random.Next(2) == 0)
                Write(register, (byte)random.Next(256));
            else
                Read(register);
            int held = _uart.State.ReceiveCount;
            held.Should().BeInRange(0, Uart16550State.FifoSize, "seed {0}, step {1}", seed, i);
            bool level = _line.Level;
            ((Read(Identify) & NothingPending) == 0).Should().Be(level, "seed {0}, step {1}", seed, i);
        }
    }

    private byte Read(int register) => _uart.ReadPort((ushort)(Uart16550.Com1 + register));

    private void Write(int register, byte value) => _uart.WritePort((ushort)(Uart16550.Com1 + register), value);
}
