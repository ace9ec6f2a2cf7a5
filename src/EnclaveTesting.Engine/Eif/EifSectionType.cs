namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// The type field of an EIF section header. Values not named here are kept as they are: they count into the CRC and are
/// otherwise ignored. Zero is AWS's "invalid" and is refused.
/// </summary>
internal enum EifSectionType
{
    /// <summary>Never valid in a file.</summary>
    Invalid = 0,

    /// <summary>The kernel: a bzImage or an ELF file on x86_64, an Image on aarch64. Exactly one.</summary>
    Kernel = 1,

    /// <summary>The kernel command line, text without a terminating zero. Exactly one.</summary>
    CommandLine = 2,

    /// <summary>A ramdisk; all of them, concatenated, are the initrd. At least one.</summary>
    Ramdisk = 3,

    /// <summary>A CBOR array of PCR signatures (see <see cref="EifSignature"/>). At most one.</summary>
    Signature = 4,

    /// <summary>JSON about the build (see <see cref="EifMetadata"/>). At most one.</summary>
    Metadata = 5,
}
