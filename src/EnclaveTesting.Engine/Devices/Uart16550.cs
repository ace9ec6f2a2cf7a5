namespace EnclaveTesting.Engine.Devices;

/// <summary>
/// A serial port (National Semiconductor PC16550D, section 8): transmits at once, so the transmitter is always empty; receives
/// only in loopback, as drivers use it to find out what they have. Eight ports.
/// </summary>
internal sealed class Uart16550(ISerialSink sink, IInterruptLine interrupt) : IPortDevice
{
    /// <summary>The first serial port of every PC.</summary>
    public const ushort Com1 = 0x3F8;

    /// <summary>How many ports it occupies.</summary>
    public const int PortCount = 8;

    private const byte DivisorLatchAccess = 0x80, Loopback = 0x10, FifoEnable = 1, FifoClearReceiver = 2;
    private const byte EnableReceived = 1, EnableTransmitterEmpty = 2, EnableLineStatus = 4;
    private const byte DataReady = 1, OverrunError = 2, TransmitterEmpty = 0x60;
    private const byte IdentifyNone = 1, IdentifyTransmitter = 2, IdentifyReceived = 4, IdentifyLineStatus = 6, IdentifyFifos = 0xC0;

    public Uart16550State State { get; } = new();

    /// <inheritdoc/>
    public byte ReadPort(ushort port)
    {
        switch (port & 7)
        {
            case 0 when LatchOpen:
                return (byte)State.Divisor;
            case 0:
                return Receive();
            case 1 when LatchOpen:
                return (byte)(State.Divisor >> 8);
            case 1:
                return State.InterruptEnable;
            case 2:
                return IdentifyInterrupt();
            case 3:
                return State.LineControl;
            case 4:
                return State.ModemControl;
            case 5:
                return LineStatus();
            case 6:
                return ModemStatus();
            default:
                return State.Scratch;
        }
    }

    /// <inheritdoc/>
    public void WritePort(ushort port, byte value)
    {
        switch (port & 7)
        {
            case 0 when LatchOpen:
                State.Divisor = (ushort)((State.Divisor & 0xFF00) | value);
                break;
            case 0:
                Transmit(value);
                break;
            case 1 when LatchOpen:
                State.Divisor = (ushort)((State.Divisor & 0xFF) | (value << 8));
                break;
            case 1:
                // Enabling the transmitter's interrupt while it is empty raises it at once.
                if ((value & ~State.InterruptEnable & EnableTransmitterEmpty) != 0)
                    State.TransmitterEmptyPending = true;
                State.InterruptEnable = (byte)(value & 0x0F);
                UpdateInterrupt();
                break;
            case 2:
                SetFifoControl(value);
                break;
            case 3:
                State.LineControl = value;
                break;
            case 4:
                State.ModemControl = (byte)(value & 0x1F);
                break;
            case 7:
                State.Scratch = value;
                break;
        }
    }

    private bool LatchOpen => (State.LineControl & DivisorLatchAccess) != 0;

    private void Transmit(byte value)
    {
        // The byte leaves at once: the line falls and rises again, which is the edge the driver waits for.
        State.TransmitterEmptyPending = false;
        UpdateInterrupt();
        if ((State.ModemControl & Loopback) != 0)
            Enqueue(value);
        else
            sink.Write(value);
        State.TransmitterEmptyPending = true;
        UpdateInterrupt();
    }

    private void Enqueue(byte value)
    {
        bool fifo = (State.FifoControl & FifoEnable) != 0;
        if (State.ReceiveCount >= (fifo ? Uart16550State.FifoSize : 1))
        {
            State.Overrun = true;
            // A full FIFO stays as it is; the one holding register is overwritten.
            if (!fifo)
                State.ReceiveFifo[State.ReceiveStart] = value;
            return;
        }

        State.ReceiveFifo[(State.ReceiveStart + State.ReceiveCount++) % Uart16550State.FifoSize] = value;
    }

    private byte Receive()
    {
        if (State.ReceiveCount == 0)
            return 0;
        byte value = State.ReceiveFifo[State.ReceiveStart];
        State.ReceiveStart = (State.ReceiveStart + 1) % Uart16550State.FifoSize;
        State.ReceiveCount--;
        UpdateInterrupt();
        return value;
    }

    private byte LineStatus()
    {
        byte status = (byte)(TransmitterEmpty | (State.ReceiveCount > 0 ? DataReady : 0) | (State.Overrun ? OverrunError : 0));
        State.Overrun = false;
        UpdateInterrupt();
        return status;
    }

    private byte ModemStatus()
    {
        // Carrier, data set ready and clear to send; in loopback the four outputs come back (DTR as DSR, RTS as CTS, OUT1 as RI, OUT2 as DCD).
        byte control = State.ModemControl;
        return (control & Loopback) == 0
            ? (byte)0xB0
            : (byte)(((control & 1) << 5) | ((control & 2) << 3) | ((control & 4) << 4) | ((control & 8) << 4));
    }

    private byte IdentifyInterrupt()
    {
        byte fifos = (State.FifoControl & FifoEnable) != 0 ? IdentifyFifos : (byte)0;
        byte pending = Pending();
        if (pending == IdentifyTransmitter)
        {
            State.TransmitterEmptyPending = false;
            UpdateInterrupt();
        }

        return (byte)(fifos | pending);
    }

    private void SetFifoControl(byte value)
    {
        if (((value ^ State.FifoControl) & FifoEnable) != 0 || (value & FifoClearReceiver) != 0)
            State.ReceiveCount = 0;
        State.FifoControl = (byte)(value & 0xC9);
        UpdateInterrupt();
    }

    private byte Pending()
    {
        byte enabled = State.InterruptEnable;
        if ((enabled & EnableLineStatus) != 0 && State.Overrun)
            return IdentifyLineStatus;
        if ((enabled & EnableReceived) != 0 && State.ReceiveCount > 0)
            return IdentifyReceived;
        if ((enabled & EnableTransmitterEmpty) != 0 && State.TransmitterEmptyPending)
            return IdentifyTransmitter;
        return IdentifyNone;
    }

    private void UpdateInterrupt() => interrupt.SetLevel(Pending() != IdentifyNone);
}
