namespace EnclaveTesting.Engine.Boot;

/// <summary>The ways into a kernel.</summary>
internal enum KernelEntry
{
    /// <summary>Long mode, RSI = boot_params (Documentation/arch/x86/boot.rst, 64-bit boot protocol).</summary>
    Linux64,

    /// <summary>32-bit protected mode without paging, EBX = hvm_start_info (Xen's PVH boot ABI).</summary>
    Pvh,
}
