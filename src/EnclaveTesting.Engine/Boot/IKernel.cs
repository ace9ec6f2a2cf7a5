namespace EnclaveTesting.Engine.Boot;

/// <summary>A kernel file after its headers were read and checked.</summary>
internal interface IKernel
{
    /// <summary>How it is entered.</summary>
    KernelEntry Entry { get; }

    /// <summary>Guest-physical address of its first instruction.</summary>
    ulong EntryAddress { get; }

    /// <summary>What goes where.</summary>
    IReadOnlyList<KernelPlacement> Placements { get; }

    /// <summary>First guest-physical address the kernel uses while it starts.</summary>
    ulong Start { get; }

    /// <summary>First guest-physical address above everything the kernel uses while it starts, decompression included.</summary>
    ulong End { get; }

    /// <summary>First address an initrd may not reach.</summary>
    ulong InitrdLimit { get; }

    /// <summary>Longest command line in bytes, without the terminating zero.</summary>
    int MaximumCommandLine { get; }

    /// <summary>The setup header that becomes part of boot_params at 0x1F1; empty for kernels without one.</summary>
    ReadOnlyMemory<byte> SetupHeader { get; }
}
