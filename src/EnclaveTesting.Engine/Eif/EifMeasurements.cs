namespace EnclaveTesting.Engine.Eif;

/// <summary>
/// What one pass over an image gives: the registers a Nitro hypervisor would show for it, and the checksum of its bytes.
/// PCR = SHA384(48 zero bytes ‖ SHA384(data)).
/// </summary>
/// <param name="Pcr0">The whole image: kernel ‖ command line ‖ all ramdisks.</param>
/// <param name="Pcr1">Kernel and boot ramdisk: kernel ‖ command line ‖ first ramdisk.</param>
/// <param name="Pcr2">The application: all ramdisks but the first (of no bytes if there is only one).</param>
/// <param name="Pcr8">The signing certificate in DER; null for an unsigned image, whose PCR8 reads as zeroes.</param>
/// <param name="Crc32">CRC-32 (IEEE) of the header without its last field and of every section, to compare with <see cref="EifImage.Crc32"/>.</param>
public sealed record EifMeasurements(PcrValue Pcr0, PcrValue Pcr1, PcrValue Pcr2, PcrValue? Pcr8, uint Crc32)
{
    /// <summary>The digest behind every register.</summary>
    internal const string HashAlgorithm = "SHA384";
}
