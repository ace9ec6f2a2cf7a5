using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>A local APIC as it is saved.</summary>
internal sealed record LocalApicState
{
    /// <summary>The entries of the local vector table: timer, thermal sensor, performance counters, LINT0, LINT1, error.</summary>
    public const int LocalVectors = 6;

    /// <summary>IA32_APIC_BASE.</summary>
    public ulong Base { get; set; }

    public uint LogicalDestination { get; set; }

    public uint DestinationFormat { get; set; } = uint.MaxValue;

    public uint TaskPriority { get; set; }

    public uint SpuriousVector { get; set; } = 0xFF;

    /// <summary>The errors that the guest can read.</summary>
    public uint ErrorStatus { get; set; }

    /// <summary>The errors since the guest last wrote the error status register.</summary>
    public uint PendingErrors { get; set; }

    public ulong InterruptCommand { get; set; }

    public uint[] LocalVectorTable { get; set; } = [Masked, Masked, Masked, Masked, Masked, Masked];

    /// <summary>IRR.</summary>
    public ulong[] Requested { get; set; } = VectorSet.Create();

    /// <summary>ISR.</summary>
    public ulong[] InService { get; set; } = VectorSet.Create();

    /// <summary>TMR.</summary>
    public ulong[] LevelTriggered { get; set; } = VectorSet.Create();

    public uint TimerInitialCount { get; set; }

    /// <summary>The divide configuration register.</summary>
    public uint TimerDivide { get; set; }

    /// <summary>When the count reaches zero, in nanoseconds of the machine's clock.</summary>
    public ulong TimerDeadline { get; set; } = MachineClock.Never;

    /// <summary>IA32_TSC_DEADLINE; 0 if not armed.</summary>
    public ulong TscDeadline { get; set; }

    private const uint Masked = 0x1_0000;

    /// <summary>Saves or restores.</summary>
    public void Exchange(StateArchive archive)
    {
        Base = archive.Value(Base);
        LogicalDestination = archive.Value(LogicalDestination);
        DestinationFormat = archive.Value(DestinationFormat);
        TaskPriority = archive.Within(TaskPriority, 0u, 0xFFu);
        SpuriousVector = archive.Value(SpuriousVector);
        ErrorStatus = archive.Value(ErrorStatus);
        PendingErrors = archive.Value(PendingErrors);
        InterruptCommand = archive.Value(InterruptCommand);
        archive.Fixed(LocalVectorTable.AsSpan());
        archive.Fixed(Requested.AsSpan());
        archive.Fixed(InService.AsSpan());
        archive.Fixed(LevelTriggered.AsSpan());
        TimerInitialCount = archive.Value(TimerInitialCount);
        TimerDivide = archive.Within(TimerDivide, 0u, 0xBu);
        TimerDeadline = archive.Value(TimerDeadline);
        TscDeadline = archive.Value(TscDeadline);
    }
}
