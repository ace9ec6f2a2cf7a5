using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>
/// Everything KVM knows of a virtual CPU, as it is saved: structures of linux/kvm.h and arrays of them, nothing of this process. Taken between two
/// instructions, while no access to a device is unanswered.
/// </summary>
internal sealed record KvmVirtualCpuState
{
    /// <summary>What CPUID answers; a host that cannot give it cannot run the guest.</summary>
    public KvmCpuidEntry[] Cpuid { get; set; } = [];

    /// <summary>Running, halted, waiting for INIT or SIPI (KVM_MP_STATE_*).</summary>
    public uint MpState { get; set; }

    /// <summary>General registers, RIP, RFLAGS.</summary>
    public KvmRegs Registers { get; set; }

    /// <summary>Segments, tables, control registers, APIC base.</summary>
    public KvmSregs SystemRegisters { get; set; }

    /// <summary>x87, SSE, AVX and what else the host has, in XSAVE's format; 4096 bytes or more.</summary>
    public byte[] Extended { get; set; } = [];

    /// <summary>XCR0.</summary>
    public KvmXcrs ExtendedControl { get; set; }

    /// <summary>The local APIC with its timer.</summary>
    public KvmLapicState LocalApic { get; set; }

    /// <summary>Model-specific registers in the order in which they are set: the time stamp counter first, the deadline that depends on it last.</summary>
    public KvmMsrEntry[] Msrs { get; set; } = [];

    /// <summary>DR0 to DR7.</summary>
    public KvmDebugRegs DebugRegisters { get; set; }

    /// <summary>Exceptions and interrupts on their way.</summary>
    public KvmVcpuEvents Events { get; set; }

    /// <summary>Saves or restores; what KVM would not take it refuses when it gets it.</summary>
    public void Exchange(StateArchive archive)
    {
        const int mostMsrs = 4096, largestExtended = 1 << 20;
        Cpuid = archive.Array(Cpuid, KvmCpuidTable.Capacity);
        MpState = archive.Value(MpState);
        Registers = archive.Value(Registers);
        SystemRegisters = archive.Value(SystemRegisters);
        Extended = archive.Array(Extended, largestExtended);
        ExtendedControl = archive.Value(ExtendedControl);
        LocalApic = archive.Value(LocalApic);
        Msrs = archive.Array(Msrs, mostMsrs);
        DebugRegisters = archive.Value(DebugRegisters);
        Events = archive.Value(Events);
    }
}
