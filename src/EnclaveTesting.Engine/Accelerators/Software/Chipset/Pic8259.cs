namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>The two cascaded 8259A of a PC at ports 0x20, 0xa0 and 0x4d0; their output is the boot CPU's LINT0.</summary>
internal sealed class Pic8259
{
    /// <summary>Inputs of the pair; input 2 is the cascade.</summary>
    public const int Inputs = 16;

    private const ushort MasterPort = 0x20, SlavePort = 0xA0, MasterTriggerPort = 0x4D0, SlaveTriggerPort = 0x4D1;
    private const int Cascade = 2, SpuriousInput = 7;

    private readonly ApicBus _bus;
    private readonly Pic8259Chip _master = new(levelCapable: 0xF8, cascade: 1 << Cascade);
    private readonly Pic8259Chip _slave = new(levelCapable: 0xDE, cascade: 0);

    public Pic8259(ApicBus bus)
    {
        _bus = bus;
        bus.Pic = this;
    }

    public Pic8259State Master => _master.State;

    public Pic8259State Slave => _slave.State;

    /// <summary>Whether the output is high: an interrupt waits.</summary>
    public bool IsPending => _master.Pending >= 0;

    /// <summary>Whether a port belongs to the pair.</summary>
    public static bool Owns(ushort port) =>
        port is MasterPort or MasterPort + 1 or SlavePort or SlavePort + 1 or MasterTriggerPort or SlaveTriggerPort;

    /// <summary>Drives an input of the pair; the cascade's is not for devices.</summary>
    public void SetLine(int input, bool asserted)
    {
        if (input < 8)
            _master.SetLine(input, asserted);
        else
            _slave.SetLine(input - 8, asserted);
        Update();
    }

    /// <summary>The CPU's acknowledge cycle: the vector of the interrupt, a spurious one if it has gone.</summary>
    public int Acknowledge()
    {
        int input = _master.Pending;
        if (input < 0)
            return Master.VectorBase + SpuriousInput;
        _master.Acknowledge(input);
        int vector = Master.VectorBase + input;
        if (input == Cascade)
        {
            int inner = _slave.Pending;
            if (inner >= 0)
                _slave.Acknowledge(inner);
            vector = Slave.VectorBase + (inner >= 0 ? inner : SpuriousInput);
        }

        Update();
        return vector;
    }

    public byte ReadPort(ushort port)
    {
        byte value = port switch
        {
            MasterPort or MasterPort + 1 => _master.Read(port & 1),
            SlavePort or SlavePort + 1 => _slave.Read(port & 1),
            MasterTriggerPort => Master.LevelTriggered,
            _ => Slave.LevelTriggered,
        };
        Update();
        return value;
    }

    public void WritePort(ushort port, byte value)
    {
        switch (port)
        {
            case MasterPort or MasterPort + 1:
                _master.Write(port & 1, value);
                break;
            case SlavePort or SlavePort + 1:
                _slave.Write(port & 1, value);
                break;
            case MasterTriggerPort:
                _master.SetLevelTriggered(value);
                break;
            default:
                _slave.SetLevelTriggered(value);
                break;
        }

        Update();
    }

    private void Update()
    {
        // The slave's output is the master's input 2; another slave interrupt after the first has been taken is a new edge.
        if (_slave.Pending < 0)
        {
            _master.SetLine(Cascade, asserted: false);
            _master.Withdraw(Cascade);
        }
        else
        {
            _master.SetLine(Cascade, asserted: false);
            _master.SetLine(Cascade, asserted: true);
        }

        if (IsPending)
            _bus.ExternalRaised();
    }
}
