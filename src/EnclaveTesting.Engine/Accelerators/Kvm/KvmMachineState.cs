using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>Everything KVM knows of a machine besides its memory, as it is saved.</summary>
internal sealed record KvmMachineState
{
    /// <summary>The CPUs, by number.</summary>
    public KvmVirtualCpuState[] Cpus { get; set; } = [];

    /// <summary>The 8259 that gets the timer and the serial port.</summary>
    public KvmIrqchip PicMaster { get; set; }

    /// <summary>The 8259 behind it.</summary>
    public KvmIrqchip PicSlave { get; set; }

    /// <summary>The I/O APIC.</summary>
    public KvmIrqchip IoApic { get; set; }

    /// <summary>The 8254.</summary>
    public KvmPitState Pit { get; set; }

    /// <summary>Guest time in nanoseconds, which kvmclock tells.</summary>
    public ulong Clock { get; set; }

    /// <summary>Saves or restores; what KVM would not take it refuses when it gets it.</summary>
    public void Exchange(StateArchive archive)
    {
        Cpus = [.. archive.List<KvmVirtualCpuState>(Cpus, MpTable.MaximumCpus, cpu =>
        {
            cpu ??= new KvmVirtualCpuState();
            cpu.Exchange(archive);
            return cpu;
        })];
        PicMaster = archive.Value(PicMaster);
        PicSlave = archive.Value(PicSlave);
        IoApic = archive.Value(IoApic);
        Pit = archive.Value(Pit);
        Clock = archive.Value(Clock);
    }
}
