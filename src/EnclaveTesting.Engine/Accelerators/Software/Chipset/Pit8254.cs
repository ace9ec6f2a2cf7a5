using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>
/// The interval timer of a PC (Intel 8254): channel 0 interrupts, channel 2 has its gate and its output at port 0x61. Missed
/// periods of channel 0 are one interrupt.
/// </summary>
internal sealed class Pit8254
{
    private const ushort FirstPort = 0x40, ControlPort = 0x43, SystemPort = 0x61;
    private const int Channels = 3, Speaker = 2;
    private const byte GateBit = 1, SpeakerBit = 2, RefreshBit = 0x10, OutputBit = 0x20;

    private readonly MachineClock _clock;
    private readonly Action<bool> _interrupt;
    private readonly MachineTimer _timer;
    private readonly Pit8254Channel[] _channels;

    /// <summary>Builds a timer whose channels do not count yet.</summary>
    /// <param name="clock">The machine's time.</param>
    /// <param name="interrupt">Channel 0's interrupt line.</param>
    public Pit8254(MachineClock clock, Action<bool> interrupt)
    {
        _clock = clock;
        _interrupt = interrupt;
        _timer = clock.AddTimer(Expire);
        _channels = [new Pit8254Channel(clock), new Pit8254Channel(clock), new Pit8254Channel(clock)];
        _channels[Speaker].State.Gate = false;
    }

    /// <summary>Bits 0 and 1 of port 0x61: channel 2's gate and the speaker.</summary>
    public byte SystemControl { get; set; }

    /// <summary>The counters' states.</summary>
    public IReadOnlyList<Pit8254ChannelState> State => [.. _channels.Select(channel => channel.State)];

    /// <summary>Whether a port belongs to the timer.</summary>
    public static bool Owns(ushort port) => port is (>= FirstPort and <= ControlPort) or SystemPort;

    public byte ReadPort(ushort port) => port switch
    {
        SystemPort => ReadSystemPort(),
        ControlPort => 0xFF,
        _ => _channels[port - FirstPort].Read(),
    };

    public void WritePort(ushort port, byte value)
    {
        switch (port)
        {
            case SystemPort:
                SystemControl = (byte)(value & (GateBit | SpeakerBit));
                _channels[Speaker].SetGate((value & GateBit) != 0);
                break;
            case ControlPort:
                Control(value);
                break;
            default:
                _channels[port - FirstPort].Write(value);
                break;
        }

        if (port is FirstPort or ControlPort)
            _timer.Set(_channels[0].NextRise);
    }

    /// <summary>Saves the counters or restores them.</summary>
    public void Exchange(StateArchive archive)
    {
        SystemControl = archive.Value(SystemControl);
        foreach (Pit8254Channel channel in _channels)
            channel.State.Exchange(archive);
        _timer.Exchange(archive);
    }

    private byte ReadSystemPort()
    {
        // The refresh bit changes about every 15 microseconds; old software times itself by it.
        bool refresh = (_clock.Now / 15_085 & 1) != 0;
        return (byte)(SystemControl | (refresh ? RefreshBit : 0) | (_channels[Speaker].Output ? OutputBit : 0));
    }

    private void Control(byte value)
    {
        int channel = value >> 6;
        if (channel == Channels)
        {
            ReadBack(value);
            return;
        }

        byte access = (byte)(value >> 4 & 3);
        if (access == 0)
            _channels[channel].LatchCount();
        else
            _channels[channel].SetMode(access, (byte)(value >> 1 & 7), (value & 1) != 0);
    }

    private void ReadBack(byte value)
    {
        for (int i = 0; i < Channels; i++)
        {
            if ((value & (2 << i)) == 0)
                continue;
            if ((value & 0x20) == 0)
                _channels[i].LatchCount();
            if ((value & 0x10) == 0)
                _channels[i].LatchStatus();
        }
    }

    private void Expire()
    {
        _interrupt(true);
        _interrupt(false);
        _timer.Set(_channels[0].NextRise);
    }
}
