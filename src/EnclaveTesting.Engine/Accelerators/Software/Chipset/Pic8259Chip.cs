using System.Numerics;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>One interrupt controller of the pair (Intel 8259A data sheet).</summary>
/// <param name="levelCapable">Which inputs may be set to level-triggered.</param>
/// <param name="cascade">The inputs to which another chip is connected, as bits.</param>
internal sealed class Pic8259Chip(byte levelCapable, byte cascade)
{
    private const byte Initialize = 0x10, Single = 2, FourthWord = 1, ThirdCommandWord = 8;

    public Pic8259State State { get; } = new();

    /// <summary>The input to deliver now, or -1.</summary>
    public int Pending
    {
        get
        {
            int requested = State.Requested & ~State.Mask;
            if (requested == 0)
                return -1;
            int input = Highest(requested, out int priority);
            int inService = State.InService;
            if (State.SpecialMask)
                inService &= ~State.Mask;
            // A slave in service must not keep back its own higher inputs.
            if (State.SpecialFullyNested)
                inService &= ~cascade;
            if (inService == 0)
                return input;
            Highest(inService, out int current);
            return priority < current ? input : -1;
        }
    }

    /// <summary>Drives an input.</summary>
    public void SetLine(int input, bool asserted)
    {
        byte bit = (byte)(1 << input);
        bool rose = asserted && (State.Levels & bit) == 0;
        State.Levels = (byte)(asserted ? State.Levels | bit : State.Levels & ~bit);
        if ((State.LevelTriggered & bit) != 0)
            State.Requested = (byte)(asserted ? State.Requested | bit : State.Requested & ~bit);
        else if (rose)
            State.Requested |= bit;
    }

    /// <summary>The input whose request goes away as its line falls: a connected chip that wants nothing any more.</summary>
    public void Withdraw(int input) => State.Requested &= (byte)~(1 << input);

    /// <summary>Acknowledges an input: from request to service.</summary>
    public void Acknowledge(int input)
    {
        byte bit = (byte)(1 << input);
        if (!State.AutomaticEnd)
            State.InService |= bit;
        else if (State.RotateOnAutomaticEnd)
            State.Lowest = (byte)input;
        if ((State.LevelTriggered & bit) == 0)
            State.Requested &= (byte)~bit;
    }

    /// <summary>Reads the command port (0) or the mask port (1).</summary>
    public byte Read(int port)
    {
        if (State.Poll)
        {
            State.Poll = false;
            int input = Pending;
            if (input < 0)
                return 0;
            Acknowledge(input);
            return (byte)(0x80 | input);
        }

        if (port == 1)
            return State.Mask;
        return State.ReadInService ? State.InService : State.Requested;
    }

    /// <summary>Writes the command port (0) or the mask port (1).</summary>
    public void Write(int port, byte value)
    {
        if (port == 1)
            WriteData(value);
        else if ((value & Initialize) != 0)
            BeginInitialization(value);
        else if ((value & ThirdCommandWord) != 0)
            WriteThirdCommandWord(value);
        else
            EndOrRotate(value);
    }

    /// <summary>Sets which inputs are level-triggered.</summary>
    public void SetLevelTriggered(byte value) => State.LevelTriggered = (byte)(value & levelCapable);

    private void BeginInitialization(byte value)
    {
        State.Requested &= State.LevelTriggered;
        State.Mask = State.InService = 0;
        State.Lowest = 7;
        State.AutomaticEnd = State.RotateOnAutomaticEnd = State.SpecialMask = State.SpecialFullyNested = State.Poll = State.ReadInService = false;
        State.IsSingle = (value & Single) != 0;
        State.WantsFourthWord = (value & FourthWord) != 0;
        State.NextInitialization = 2;
    }

    private void WriteData(byte value)
    {
        switch (State.NextInitialization)
        {
            case 2:
                State.VectorBase = (byte)(value & 0xF8);
                State.NextInitialization = (byte)(!State.IsSingle ? 3 : State.WantsFourthWord ? 4 : 0);
                break;
            case 3:
                State.NextInitialization = (byte)(State.WantsFourthWord ? 4 : 0);
                break;
            case 4:
                State.AutomaticEnd = (value & 2) != 0;
                State.SpecialFullyNested = (value & 0x10) != 0;
                State.NextInitialization = 0;
                break;
            default:
                State.Mask = value;
                break;
        }
    }

    private void WriteThirdCommandWord(byte value)
    {
        if ((value & 4) != 0)
            State.Poll = true;
        if ((value & 2) != 0)
            State.ReadInService = (value & 1) != 0;
        if ((value & 0x40) != 0)
            State.SpecialMask = (value & 0x20) != 0;
    }

    private void EndOrRotate(byte value)
    {
        byte input = (byte)(value & 7);
        switch (value >> 5)
        {
            case 0 or 4:
                State.RotateOnAutomaticEnd = value >> 5 == 4;
                break;
            case 1 or 5 when State.InService != 0:
                int highest = Highest(State.InService, out _);
                End(highest);
                if (value >> 5 == 5)
                    State.Lowest = (byte)highest;
                break;
            case 3:
                End(input);
                break;
            case 6:
                State.Lowest = input;
                break;
            case 7:
                End(input);
                State.Lowest = input;
                break;
        }
    }

    private void End(int input) => State.InService &= (byte)~(1 << input);

    // Priority 0 is the highest and belongs to the input after the lowest.
    private int Highest(int inputs, out int priority)
    {
        int first = (State.Lowest + 1) & 7;
        int rotated = (inputs | (inputs << 8)) >> first & 0xFF;
        priority = BitOperations.TrailingZeroCount(rotated);
        return (priority + first) & 7;
    }
}
