namespace EnclaveTesting.Engine.Boot;

/// <summary>Where the loader's own data stands in the first mebibyte.</summary>
internal static class BootLayout
{
    /// <summary>Four descriptors: null, null, 64- or 32-bit code, data.</summary>
    public const ulong Gdt = 0x500;

    /// <summary>boot_params, 4 KiB (the "zero page").</summary>
    public const ulong BootParams = 0x7000;

    /// <summary>hvm_start_info, module list and memory map.</summary>
    public const ulong PvhStartInfo = 0x8000;

    /// <summary>PML4, PDPT and four page directories: 4 GiB identity-mapped.</summary>
    public const ulong PageTables = 0x9000;

    /// <summary>Top of a small stack for the first instructions.</summary>
    public const ulong StackTop = 0x1_8000;

    /// <summary>The command line, zero-terminated, at most 64 KiB.</summary>
    public const ulong CommandLine = 0x2_0000;

    /// <summary>What boot_params point to for more than fits them.</summary>
    public const ulong SetupData = 0x3_0000;

    /// <summary>The boot code selector of the Linux boot protocol (__BOOT_CS).</summary>
    public const ushort CodeSelector = 0x10;

    /// <summary>The boot data selector of the Linux boot protocol (__BOOT_DS).</summary>
    public const ushort DataSelector = 0x18;
}
