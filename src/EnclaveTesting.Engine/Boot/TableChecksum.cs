namespace EnclaveTesting.Engine.Boot;

/// <summary>The checksum of firmware tables, MP and ACPI alike: the sum of all bytes is zero.</summary>
internal static class TableChecksum
{
    /// <summary>The byte to add to these.</summary>
    public static byte Of(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes)
            sum += value;
        return (byte)-sum;
    }
}
