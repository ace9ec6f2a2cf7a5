namespace EnclaveTesting.Engine.Devices;

/// <summary>
/// The keyboard controller of a PC without keyboard (IBM PC AT Technical Reference, 8042): what drivers ask to find nothing, and the
/// processor's reset line, by which a kernel told <c>reboot=k</c> ends the machine. Ports 0x60 and 0x64.
/// </summary>
/// <param name="reset">Called when the guest pulls the reset line.</param>
internal sealed class I8042(Action reset) : IPortDevice
{
    public const ushort DataPort = 0x60, CommandPort = 0x64;

    /// <summary>The command that pulls the reset line.</summary>
    public const byte ResetCommand = 0xFE;

    private const byte StatusOutputFull = 1, StatusSystem = 4, StatusCommand = 8;
    private const byte ReadConfiguration = 0x20, WriteConfiguration = 0x60, DisableSecond = 0xA7, EnableSecond = 0xA8, TestSecond = 0xA9;
    private const byte SelfTest = 0xAA, TestFirst = 0xAB, DisableFirst = 0xAD, EnableFirst = 0xAE, ReadOutputPort = 0xD0, WriteOutputPort = 0xD1;
    private const byte WriteOutputBuffer = 0xD2, FirstDisabled = 0x10, SecondDisabled = 0x20, OutputPortIdle = 3, NotReset = 1;

    public I8042State State { get; } = new();

    /// <inheritdoc/>
    public byte ReadPort(ushort port)
    {
        if (port == CommandPort)
            return (byte)(StatusSystem | (State.OutputFull ? StatusOutputFull : 0) | (State.LastWasCommand ? StatusCommand : 0));
        State.OutputFull = false;
        return State.Output;
    }

    /// <inheritdoc/>
    public void WritePort(ushort port, byte value)
    {
        State.LastWasCommand = port == CommandPort;
        if (port == CommandPort)
            Command(value);
        else
            Data(value);
    }

    private void Command(byte command)
    {
        State.PendingCommand = 0;
        switch (command)
        {
            case ReadConfiguration:
                Answer(State.Configuration);
                break;
            case WriteConfiguration or WriteOutputPort or WriteOutputBuffer:
                State.PendingCommand = command;
                break;
            case DisableSecond:
                State.Configuration |= SecondDisabled;
                break;
            case EnableSecond:
                State.Configuration &= unchecked((byte)~SecondDisabled);
                break;
            case DisableFirst:
                State.Configuration |= FirstDisabled;
                break;
            case EnableFirst:
                State.Configuration &= unchecked((byte)~FirstDisabled);
                break;
            case SelfTest:
                Answer(0x55);
                break;
            case TestFirst or TestSecond:
                Answer(0);
                break;
            case ReadOutputPort:
                Answer(OutputPortIdle);
                break;
            case >= 0xF0 when (command & NotReset) == 0:
                // 0xF0 to 0xFF pulse the output port's low bits that are zero; bit 0 is the reset line.
                reset();
                break;
        }
    }

    private void Data(byte value)
    {
        switch (State.PendingCommand)
        {
            case WriteConfiguration:
                State.Configuration = value;
                break;
            case WriteOutputPort when (value & NotReset) == 0:
                reset();
                break;
            case WriteOutputBuffer:
                Answer(value);
                break;
        }

        State.PendingCommand = 0;
    }

    private void Answer(byte value)
    {
        State.Output = value;
        State.OutputFull = true;
    }
}
