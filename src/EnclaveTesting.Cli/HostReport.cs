using EnclaveTesting.Engine.Accelerators;

namespace EnclaveTesting.Cli;

/// <summary>What <see cref="HostInspector"/> found on this machine; null is what could not be found out or does not exist here.</summary>
internal sealed record HostReport
{
    /// <summary>Such as "Debian GNU/Linux 12 (bookworm), X64".</summary>
    public required string System { get; init; }

    /// <summary>Such as ".NET 10.0.1".</summary>
    public required string Runtime { get; init; }

    /// <summary>Whether this is Linux on x86-64, where there can be KVM.</summary>
    public required bool CanHaveKvm { get; init; }

    /// <summary>The value of ENCLAVE_ACCELERATOR.</summary>
    public string? AcceleratorVariable { get; init; }

    /// <summary>The device node.</summary>
    public DeviceNode? Device { get; init; }

    /// <summary>Why KVM cannot be opened; null if it can.</summary>
    public string? OpenProblem { get; init; }

    /// <summary>What the probe guest found out about KVM; null if it cannot be opened.</summary>
    public AcceleratorProbe? KvmProbe { get; init; }

    /// <summary>What the probe guest found out about the software CPU.</summary>
    public required AcceleratorProbe SoftwareProbe { get; init; }

    /// <summary>The user's name.</summary>
    public string User { get; init; } = "$USER";

    /// <summary>The groups of this process.</summary>
    public IReadOnlyList<string> SessionGroups { get; init; } = [];

    /// <summary>The groups of the account, which the next login will have.</summary>
    public IReadOnlyList<string> AccountGroups { get; init; } = [];

    /// <summary>The kernel module for this processor, kvm_intel or kvm_amd; null if the processor shows no virtualization.</summary>
    public string? KvmModule { get; init; }

    /// <summary>Whether this is a virtual machine.</summary>
    public bool IsVirtualMachine { get; init; }

    /// <summary>Whether this is a container.</summary>
    public bool IsContainer { get; init; }

    /// <summary>The most memory that an enclave of this process can be given, in bytes.</summary>
    public required long MostMemory { get; init; }

    /// <summary>Memory that is free or can be freed, in bytes.</summary>
    public long? AvailableMemory { get; init; }

    /// <summary>The limit of the control group, in bytes.</summary>
    public long? ControlGroupLimit { get; init; }

    /// <summary>The limit of address space (ulimit -v), in bytes.</summary>
    public long? AddressSpaceLimit { get; init; }

    /// <summary>The limit of open files (ulimit -n).</summary>
    public long? OpenFilesLimit { get; init; }

    /// <summary>A device node's owner and permissions.</summary>
    internal sealed record DeviceNode(string Path, string Owner, string Group, UnixFileMode Mode)
    {
        public bool GroupMayUse => (Mode & (UnixFileMode.GroupRead | UnixFileMode.GroupWrite)) == (UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
    }
}
