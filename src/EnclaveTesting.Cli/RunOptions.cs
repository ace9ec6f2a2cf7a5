using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Cli;

/// <summary>What <c>enclave run</c> was asked to do.</summary>
internal sealed record RunOptions
{
    /// <summary>The word for "until it ends by itself", the default.</summary>
    public const string UntilExit = "exit";

    /// <summary>The word for "until the heartbeat has come".</summary>
    public const string UntilHeartbeat = "heartbeat";

    public required string Image { get; init; }

    public long? MemoryMiB { get; init; }

    public int? Cpus { get; init; }

    public uint Cid { get; init; } = 16;

    public Accelerator Accelerator { get; init; }

    public bool Acpi { get; init; }

    public bool? Decompress { get; init; }

    public CpuTemplate CpuTemplate { get; init; }

    public string? CommandLine { get; init; }

    public string? Initrd { get; init; }

    /// <summary>One of the two words, or a text of the console.</summary>
    public string Until { get; init; } = UntilExit;

    public TimeSpan? Timeout { get; init; }

    public IReadOnlyList<PortForward> Forwards { get; init; } = [];

    public bool Json { get; init; }

    /// <summary>The file in which the run is recorded.</summary>
    public string? Record { get; init; }

    /// <summary>The recording that is run again.</summary>
    public string? Replay { get; init; }
}
