using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Devices.Virtio;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Memory;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting.Engine.Machine;

/// <summary>What an enclave has besides CPUs and memory: a serial console, the two controllers Linux looks for, vsock and the security module.</summary>
internal sealed class MachineDevices
{
    private readonly List<VirtioMmio> _virtio = [];

    /// <summary>Builds the devices and puts them on the bus.</summary>
    public MachineDevices(MicroVmOptions options, EifMeasurements measurements, GuestMemory memory, IVirtualMachine machine, MachineBus bus, ILogger log)
    {
        Panic = new PanicDetector(options.Console ?? NullSerialSink.Instance)
        {
            Panicked = () => bus.Ended(new VmExit(VmExitReason.Panic, Panic!.Reason!)),
        };
        var serial = new Uart16550(Panic, machine.GetInterruptLine(Gsi.Serial));
        bus.Ports.Add(Uart16550.Com1, Uart16550.PortCount, serial);

        var keyboard = new I8042(() => bus.Ended(new VmExit(VmExitReason.Reboot, "The guest reset the machine by its keyboard controller.")));
        bus.Ports.Add(I8042.DataPort, 1, keyboard);
        bus.Ports.Add(I8042.CommandPort, 1, keyboard);
        bus.Ports.Add(CmosRtc.IndexPort, CmosRtc.PortCount, new CmosRtc(options.EffectiveTimeProvider));

        Vsock = new VsockDevice(new Cid(options.GuestCid), options.Capture);
        AddVirtio(Vsock, memory, machine, bus, log);
        if (options.Nsm is { } nsm)
        {
            Pcrs = new PcrBank(measurements, nsm);
            Nsm = new NsmProtocol(Pcrs, nsm, new AttestationSigner(nsm), new NsmRandom(nsm.RandomSeed ?? options.Seed), options.EffectiveTimeProvider);
            AddVirtio(new NsmDevice(Nsm, machine), memory, machine, bus, log);
        }

        Vsock.Host.AttachTo(machine);
    }

    public PanicDetector Panic { get; }

    public VsockDevice Vsock { get; }

    public PcrBank? Pcrs { get; }

    public NsmProtocol? Nsm { get; }

    /// <summary>How many virtio devices a machine with these options has.</summary>
    public static int CountVirtio(MicroVmOptions options) => options.Nsm is null ? 1 : 2;

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
