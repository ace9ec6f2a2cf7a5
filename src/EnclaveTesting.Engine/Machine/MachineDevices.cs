using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Devices.Virtio;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine.Recording;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting.Engine.Machine;

/// <summary>What an enclave has besides CPUs and memory: a serial console, the two controllers Linux looks for, vsock and the security module.</summary>
internal sealed class MachineDevices
{
    private readonly List<VirtioMmio> _virtio = [];
    private readonly Uart16550 _serial;
    private readonly I8042 _keyboard;
    private readonly CmosRtc _clock;
    private readonly AcpiFixedRegisters _acpi = new();
    private readonly NsmRandom? _random;

    /// <summary>Builds the devices and puts them on the bus.</summary>
    public MachineDevices(MicroVmOptions options, MachineSurroundings surroundings, EifMeasurements measurements, GuestMemory memory, IVirtualMachine machine, MachineBus bus, ILogger log)
    {
        (HostActivity activity, MachineJournal? journal, TimeProvider timeOfDay, TimeProvider attestationTime, ulong? seed) = surroundings;
        ISerialSink console = options.Console ?? NullSerialSink.Instance;
        Panic = new PanicDetector(journal is null ? console : new JournalSerialSink(journal, console))
        {
            Panicked = () => bus.Ended(new VmExit(VmExitReason.Panic, Panic!.Reason!)),
        };
        _serial = new Uart16550(Panic, machine.GetInterruptLine(Gsi.Serial));
        bus.Ports.Add(Uart16550.Com1, Uart16550.PortCount, _serial);

        _keyboard = new I8042(() => bus.Ended(new VmExit(VmExitReason.Reboot, "The guest reset the machine by its keyboard controller.")));
        bus.Ports.Add(I8042.DataPort, 1, _keyboard);
        bus.Ports.Add(I8042.CommandPort, 1, _keyboard);
        _clock = new CmosRtc(timeOfDay);
        bus.Ports.Add(CmosRtc.IndexPort, CmosRtc.PortCount, _clock);

        bus.Ports.Add(AcpiFixedRegisters.EventBlock, AcpiFixedRegisters.EventBlockSize + AcpiFixedRegisters.ControlBlockSize, _acpi);
        GenerationId = new VmGenerationId(memory, machine.GetInterruptLine(Gsi.GenerationId));

        if (machine.VirtualTime is { } clock)
        {
            Timers = new HostTimers(clock, activity, machine, journal);
            options.Capture?.Follow(timeOfDay);
        }

        Vsock = new VsockDevice(new Cid(options.GuestCid), options.Capture, machine.VirtualTime is null ? null : activity, journal) { Journal = options.Journal };
        AddVirtio(Vsock, memory, machine, bus, log);
        if (options.Nsm is { } nsm)
        {
            Pcrs = new PcrBank(measurements, nsm);
            _random = new NsmRandom(nsm.RandomSeed ?? seed);
            Nsm = new NsmProtocol(Pcrs, nsm, new AttestationSigner(nsm, seed), _random, attestationTime);
            AddVirtio(new NsmDevice(Nsm, machine, journal), memory, machine, bus, log);
        }

        // After the devices: what a program waits for may follow from what it has just sent.
        if (Timers is not null)
            bus.AddWorker(Timers);
        Vsock.Host.AttachTo(machine);
    }

    public PanicDetector Panic { get; }

    /// <summary>What tells the guest that it was cloned, if it was told of such a device.</summary>
    public VmGenerationId GenerationId { get; }

    /// <summary>What lets the host wait for the machine's time; null where that is the host's.</summary>
    public HostTimers? Timers { get; }

    public VsockDevice Vsock { get; }

    public PcrBank? Pcrs { get; }

    public NsmProtocol? Nsm { get; }

    /// <summary>How many virtio devices a machine with these options has.</summary>
    public static int CountVirtio(MicroVmOptions options) => options.Nsm is null ? 1 : 2;

    /// <summary>Saves all devices or restores them, before the machine runs.</summary>
    public void Exchange(StateArchive archive)
    {
        archive.Section("console", Panic.Exchange);
        archive.Section("serial port", _serial.State.Exchange);
        archive.Section("keyboard controller", _keyboard.State.Exchange);
        archive.Section("real-time clock", _clock.State.Exchange);
        archive.Section("ACPI registers", _acpi.State.Exchange);
        archive.Section("generation id", GenerationId.State.Exchange);
        foreach (VirtioMmio transport in _virtio)
            archive.Section($"virtio device {transport.DeviceId}", transport.Exchange);
        if (Pcrs is { } pcrs)
            archive.Section("platform configuration registers", pcrs.Exchange);
        if (_random is { } random)
            archive.Section("random bytes", part => random.Counter = part.Value(random.Counter));
    }

    private void AddVirtio(IVirtioDevice device, GuestMemory memory, IVirtualMachine machine, MachineBus bus, ILogger log)
    {
        int number = _virtio.Count;
        var address = new GuestAddress(KernelCommandLine.VirtioMmioAddress(number));
        IInterruptLine interrupt = machine.GetInterruptLine(new Gsi(MemoryLayout.VirtioMmioFirstGsi + (uint)number));
        var transport = new VirtioMmio(device, memory, interrupt, reason => MicroVmLog.DeviceFault(log, reason));
        bus.Mmio.Add(address, MemoryLayout.VirtioMmioStride, transport);
        bus.AddWorker(transport);
        for (int queue = 0; queue < transport.QueueCount; queue++)
            machine.AddDoorbell(new Doorbell(address + VirtioMmio.QueueNotify, (uint)queue));
        _virtio.Add(transport);
    }
}
