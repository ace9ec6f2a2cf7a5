namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>
/// An I/O APIC with 24 pins (Intel 82093AA data sheet, section 3): edge- and level-triggered, active high; the polarity bit is
/// kept but means nothing, since lines here are logical.
/// </summary>
internal sealed class IoApic
{
    public const int Pins = 24;

    /// <summary>Size of the register window.</summary>
    public const ulong WindowSize = 0x1000;

    private const uint SelectOffset = 0x00, WindowOffset = 0x10;
    private const byte IdRegister = 0, VersionRegister = 1, ArbitrationRegister = 2, FirstRedirection = 0x10;
    private const uint Version = 0x11 | ((Pins - 1) << 16);
    private const ulong LogicalMode = 1 << 11, DeliveryStatus = 1 << 12, RemoteIrr = 1 << 14, LevelTriggered = 1 << 15, Masked = 1 << 16;
    private const ulong Writable = 0xFF00_0000_0001_AFFF;

    private readonly ApicBus _bus;

    public IoApic(byte id, ApicBus bus)
    {
        _bus = bus;
        bus.IoApic = this;
        State = new IoApicState { Id = id };
        Array.Fill(State.Redirection, Masked);
    }

    public IoApicState State { get; }

    /// <summary>Drives a pin.</summary>
    public void SetLine(int pin, bool asserted)
    {
        uint bit = 1u << pin;
        bool rose = asserted && (State.Levels & bit) == 0;
        State.Levels = asserted ? State.Levels | bit : State.Levels & ~bit;
        // An edge on a masked pin is lost; a level is looked at again when the pin is unmasked.
        if (rose)
            Deliver(pin);
    }

    /// <summary>The end of an interrupt in a local APIC: level-triggered pins that are still asserted interrupt again.</summary>
    public void EndOfInterrupt(byte vector)
    {
        for (int pin = 0; pin < Pins; pin++)
        {
            ulong entry = State.Redirection[pin];
            if ((byte)entry != vector || (entry & (LevelTriggered | RemoteIrr)) != (LevelTriggered | RemoteIrr))
                continue;
            State.Redirection[pin] = entry & ~RemoteIrr;
            DeliverLevel(pin);
        }
    }

    /// <summary>A load from the window; registers are 32 bits wide.</summary>
    public ulong ReadMmio(uint offset, int size)
    {
        if (size != sizeof(uint))
            return 0;
        return offset switch
        {
            SelectOffset => State.Select,
            WindowOffset => ReadRegister(),
            _ => 0,
        };
    }

    /// <summary>A store to the window.</summary>
    public void WriteMmio(uint offset, uint value)
    {
        if (offset == SelectOffset)
            State.Select = (byte)value;
        else if (offset == WindowOffset)
            WriteRegister(value);
    }

    private uint ReadRegister()
    {
        byte register = State.Select;
        switch (register)
        {
            case IdRegister or ArbitrationRegister:
                return (uint)State.Id << 24;
            case VersionRegister:
                return Version;
            case >= FirstRedirection and < FirstRedirection + (2 * Pins):
                ulong entry = State.Redirection[(register - FirstRedirection) / 2];
                return (register & 1) == 0 ? (uint)entry : (uint)(entry >> 32);
            default:
                return 0;
        }
    }

    private void WriteRegister(uint value)
    {
        byte register = State.Select;
        switch (register)
        {
            case IdRegister:
                State.Id = (byte)(value >> 24 & 0xF);
                break;
            case >= FirstRedirection and < FirstRedirection + (2 * Pins):
                SetRedirection((register - FirstRedirection) / 2, value, (register & 1) != 0);
                break;
        }
    }

    private void SetRedirection(int pin, uint value, bool high)
    {
        ulong before = State.Redirection[pin];
        ulong after = high ? (before & uint.MaxValue) | ((ulong)value << 32) : (before & ~(ulong)uint.MaxValue) | value;
        after = (after & Writable) | (before & (DeliveryStatus | RemoteIrr));
        // Edge-triggered interrupts have no remote IRR; switching to edge is how Linux ends one on an I/O APIC without an EOI register.
        if ((after & LevelTriggered) == 0)
            after &= ~RemoteIrr;
        State.Redirection[pin] = after;
        DeliverLevel(pin);
    }

    private void DeliverLevel(int pin)
    {
        if ((State.Redirection[pin] & LevelTriggered) != 0 && (State.Levels >> pin & 1) != 0)
            Deliver(pin);
    }

    private void Deliver(int pin)
    {
        ulong entry = State.Redirection[pin];
        bool level = (entry & LevelTriggered) != 0;
        if ((entry & Masked) != 0 || (level && (entry & RemoteIrr) != 0))
            return;
        var delivery = (ApicDelivery)(entry >> 8 & 7);
        if (level && delivery is ApicDelivery.Fixed or ApicDelivery.LowestPriority)
            State.Redirection[pin] = entry | RemoteIrr;
        _bus.Send(new ApicMessage(delivery, (byte)entry, (uint)(entry >> 56), (entry & LogicalMode) != 0, level, Wide: false));
    }
}
