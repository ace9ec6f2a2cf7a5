namespace EnclaveTesting.Engine.Images;

/// <summary>How a ramdisk is packed. Compression is not fixed by its standard: another .NET version may give other bytes.</summary>
public enum RamdiskCompression
{
    /// <summary>Plain cpio: larger, but the guest has nothing to decompress.</summary>
    None,

    /// <summary>gzip, as nitro-cli does.</summary>
    Gzip,
}
