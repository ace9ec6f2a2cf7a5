using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices;

/// <summary>The registers of a 16550A as they are saved.</summary>
internal sealed record Uart16550State
{
    /// <summary>Bytes the receiver's FIFO holds.</summary>
    public const int FifoSize = 16;

    public byte InterruptEnable { get; set; }

    public byte FifoControl { get; set; }

    public byte LineControl { get; set; }

    public byte ModemControl { get; set; }

    public byte Scratch { get; set; }

    public ushort Divisor { get; set; } = 1;

    /// <summary>Whether "transmitter empty" has not been reported yet.</summary>
    public bool TransmitterEmptyPending { get; set; }

    public bool Overrun { get; set; }

    public byte[] ReceiveFifo { get; set; } = new byte[FifoSize];

    public int ReceiveStart { get; set; }

    public int ReceiveCount { get; set; }

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        InterruptEnable = archive.Value(InterruptEnable);
        FifoControl = archive.Value(FifoControl);
        LineControl = archive.Value(LineControl);
        ModemControl = archive.Value(ModemControl);
        Scratch = archive.Value(Scratch);
        Divisor = archive.Value(Divisor);
        TransmitterEmptyPending = archive.Flag(TransmitterEmptyPending);
        Overrun = archive.Flag(Overrun);
        archive.Fixed(ReceiveFifo.AsSpan());
        ReceiveStart = archive.Within(ReceiveStart, 0, FifoSize - 1);
        ReceiveCount = archive.Within(ReceiveCount, 0, FifoSize);
    }
}
