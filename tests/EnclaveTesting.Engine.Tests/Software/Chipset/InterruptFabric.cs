using EnclaveTesting.Engine.Accelerators.Software.Chipset;

namespace EnclaveTesting.Engine.Tests.Software.Chipset;

/// <summary>Interrupt controllers for some CPUs that are not there: what they would be told is written down.</summary>
internal sealed class InterruptFabric : IApicHost
{
    public const uint Id = 0x20, Version = 0x30, TaskPriority = 0x80, ProcessorPriority = 0xA0, EndOfInterrupt = 0xB0, LogicalDestination = 0xD0;
    public const uint DestinationFormat = 0xE0, Spurious = 0xF0, InService = 0x100, TriggerMode = 0x180, Requested = 0x200, Errors = 0x280;
    public const uint CommandLow = 0x300, CommandHigh = 0x310, TimerVector = 0x320, Lint0 = 0x350, Lint1 = 0x360, ErrorVector = 0x370;
    public const uint InitialCount = 0x380, CurrentCount = 0x390, Divide = 0x3E0;

    public InterruptFabric(int cpus = 1, bool enabled = true)
    {
        Bus = new ApicBus(this);
        for (int i = 0; i < cpus; i++)
        {
            var apic = new LocalApic(i, Clock, Bus);
            Bus.Add(apic);
            if (enabled)
                Write(i, Spurious, 0x1FF);
        }

        IoApic = new IoApic((byte)cpus, Bus);
        Pic = new Pic8259(Bus);
    }

    public ManualClock Clock { get; } = new();

    public ApicBus Bus { get; }

    public IoApic IoApic { get; }

    public Pic8259 Pic { get; }

    /// <summary>CPUs that were told of an interrupt, in order.</summary>
    public List<int> Announced { get; } = [];

    /// <summary>Other things that CPUs were told: "nmi 1", "init 2", "start 3 at 0x8".</summary>
    public List<string> Told { get; } = [];

    public LocalApic Apic(int cpu = 0) => Bus.Apics[cpu];

    public uint Read(int cpu, uint register) => (uint)Apic(cpu).ReadMmio(register, 4);

    public void Write(int cpu, uint register, uint value) => Apic(cpu).WriteMmio(register, 4, value);

    public void Send(int cpu, uint destination, uint command)
    {
        Write(cpu, CommandHigh, destination << 24);
        Write(cpu, CommandLow, command);
    }

    /// <summary>Takes and ends every interrupt of a CPU.</summary>
    public List<int> Drain(int cpu = 0)
    {
        var vectors = new List<int>();
        for (int vector = Apic(cpu).Take(); vector >= 0; vector = Apic(cpu).Take())
        {
            vectors.Add(vector);
            Write(cpu, EndOfInterrupt, 0);
        }

        return vectors;
    }

    public uint ReadIoApic(byte register)
    {
        IoApic.WriteMmio(0, register);
        return (uint)IoApic.ReadMmio(0x10, 4);
    }

    public void WriteIoApic(byte register, uint value)
    {
        IoApic.WriteMmio(0, register);
        IoApic.WriteMmio(0x10, value);
    }

    /// <summary>Writes a redirection entry, its upper half first.</summary>
    public void Redirect(int pin, uint low, byte destination = 0)
    {
        WriteIoApic((byte)(0x11 + (2 * pin)), (uint)destination << 24);
        WriteIoApic((byte)(0x10 + (2 * pin)), low);
    }

    public void InterruptPending(int cpu) => Announced.Add(cpu);

    public void NonMaskable(int cpu) => Told.Add($"nmi {cpu}");

    public void Init(int cpu) => Told.Add($"init {cpu}");

    public void StartUp(int cpu, byte page) => Told.Add($"start {cpu} at 0x{page:x}");
}
