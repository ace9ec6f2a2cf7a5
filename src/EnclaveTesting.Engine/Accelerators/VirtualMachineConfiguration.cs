using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Machine.Recording;
using EnclaveTesting.Engine.Memory;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting.Engine.Accelerators;

/// <summary>What an accelerator needs to know to build a machine.</summary>
/// <param name="Memory">The guest's RAM; stays the caller's.</param>
/// <param name="CpuCount">Virtual CPUs, 1 or more. APIC ids are 0 to count - 1; the I/O APIC's id is the count.</param>
/// <param name="Logger">For what a person would want to know; never for each exit.</param>
internal sealed record VirtualMachineConfiguration(GuestMemory Memory, int CpuCount, ILogger Logger)
{
    /// <summary>Where the CPUs' random instructions begin, for accelerators that execute them; null takes the operating system's entropy.</summary>
    public ulong? Seed { get; init; }

    /// <summary>The processor that the guest sees.</summary>
    public CpuTemplate CpuTemplate { get; init; }

    /// <summary>Whether the software CPU executes what another accelerator cannot. Where one is only to be tried it must not.</summary>
    public bool SoftwareAssist { get; init; }

    /// <summary>Whether an accelerator that executes instructions itself translates them; for tests and comparisons.</summary>
    public TranslationMode Translation { get; init; }

    /// <summary>The time of day that the accelerator tells the guest; null takes the host's, in virtual time a fixed beginning and what has passed since.</summary>
    public TimeProvider? TimeProvider { get; init; }

    /// <summary>What the host's programs do, for machines in virtual time; null if there are none.</summary>
    public HostActivity? Host { get; init; }

    /// <summary>Where what comes from the host is written down or read again, for machines in virtual time.</summary>
    public MachineJournal? Journal { get; init; }
}
