using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Machine;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EnclaveTesting;

/// <summary>All that a builder was told.</summary>
internal sealed record EnclaveOptions
{
    public EnclaveImageSource? Image { get; init; }

    public string? Name { get; init; }

    public long? MemoryMiB { get; init; }

    public int? Cpus { get; init; }

    public uint Cid { get; init; } = 16;

    public string? CommandLine { get; init; }

    public ReadOnlyMemory<byte> Initrd { get; init; }

    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Whether ACPI tables tell of the devices; null has them tell of the generation id, where it can change.</summary>
    public bool? Acpi { get; init; }

    public Accelerator Accelerator { get; init; }

    public bool? Decompress { get; init; }

    /// <summary>The processor that the guest sees.</summary>
    public CpuTemplate CpuTemplate { get; init; }

    /// <summary>Whether the software CPU executes the instructions at which KVM gives up.</summary>
    public bool SoftwareAssist { get; init; } = true;

    public MachineTime? Time { get; init; }

    public TimeProvider? TimeOfDay { get; init; }

    public ulong? Seed { get; init; }

    public NsmOptions? Nsm { get; init; } = new();

    public int? CaptureLimit { get; init; }

    public bool IsRecorded { get; init; }

    public IReadOnlyList<Action<ParentBuilder>> Parent { get; init; } = [];

    public Wait? Wait { get; init; }

    public Wait? SnapshotAfter { get; init; }

    /// <summary>Where booted enclaves are kept.</summary>
    public SnapshotStore SnapshotStore { get; init; } = SnapshotStore.Shared;

    public TimeSpan StartupTimeout { get; init; } = TimeSpan.FromSeconds(60);

    public TimeSpan OperationTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>By what the timeouts are measured, and when a start takes long.</summary>
    public TimeProvider HostTime { get; init; } = TimeProvider.System;

    /// <summary>Takes the lines about a start that takes long.</summary>
    public Action<string> Progress { get; init; } = static line => System.Console.Error.WriteLine(line);

    /// <summary>What it shares CPUs and memory with.</summary>
    public EnclaveCapacity Capacity { get; init; } = EnclaveCapacity.Shared;

    public SnapshotSettings Snapshots { get; init; } = SnapshotSettings.Default;

    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;

    public IReadOnlyList<Func<Enclave, CancellationToken, Task>> BeforeStart { get; init; } = [];

    public IReadOnlyList<Func<Enclave, CancellationToken, Task>> AfterStart { get; init; } = [];
}
