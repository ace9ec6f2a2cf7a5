namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>
/// What connects the local APICs, the I/O APIC and the 8259 pair: finds the targets of a message and tells CPUs what has come
/// for them.
/// </summary>
internal sealed class ApicBus(IApicHost host)
{
    private readonly List<LocalApic> _apics = [];

    /// <summary>Where the end of level-triggered interrupts goes.</summary>
    public IoApic? IoApic { get; set; }

    /// <summary>The controllers behind the boot CPU's LINT0.</summary>
    public Pic8259? Pic { get; set; }

    public IReadOnlyList<LocalApic> Apics => _apics;

    /// <summary>Adds an APIC; in the order of their ids.</summary>
    public void Add(LocalApic apic) => _apics.Add(apic);

    /// <summary>Delivers a message to whom it is for.</summary>
    public void Send(in ApicMessage message, LocalApic? except = null)
    {
        LocalApic? lowest = null;
        foreach (LocalApic apic in _apics)
        {
            if (apic == except || !apic.IsTarget(message))
                continue;
            if (message.Delivery != ApicDelivery.LowestPriority)
                Deliver(message, apic);
            else if (apic.IsEnabled && (lowest is null || apic.ProcessorPriority < lowest.ProcessorPriority))
                lowest = apic;
        }

        lowest?.Accept(message.Vector, message.Level);
    }

    /// <summary>A local APIC has ended a level-triggered interrupt.</summary>
    public void EndOfInterrupt(byte vector) => IoApic?.EndOfInterrupt(vector);

    /// <summary>An APIC has something that its CPU may take.</summary>
    public void InterruptPending(LocalApic apic) => host.InterruptPending(apic.Id);

    /// <summary>The 8259 pair's output rose.</summary>
    public void ExternalRaised()
    {
        if (_apics[0].TakesExternal)
            host.InterruptPending(0);
    }

    /// <summary>An APIC's LINT0 was set otherwise: what waits in the 8259 pair may now come through.</summary>
    public void ExternalWiringChanged(LocalApic apic)
    {
        if (apic.Id == 0 && Pic is { IsPending: true })
            ExternalRaised();
    }

    private void Deliver(in ApicMessage message, LocalApic apic)
    {
        switch (message.Delivery)
        {
            case ApicDelivery.Fixed:
                apic.Accept(message.Vector, message.Level);
                break;
            case ApicDelivery.NonMaskable:
                host.NonMaskable(apic.Id);
                break;
            case ApicDelivery.Init:
                apic.Reset();
                host.Init(apic.Id);
                break;
            case ApicDelivery.StartUp:
                host.StartUp(apic.Id, message.Vector);
                break;
        }
    }
}
