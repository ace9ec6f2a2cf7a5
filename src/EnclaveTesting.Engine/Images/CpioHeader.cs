using System.Globalization;

namespace EnclaveTesting.Engine.Images;

/// <summary>The header before each file of a newc archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).</summary>
/// <param name="NameSize">Length of the name that follows, with its zero, in bytes.</param>
/// <param name="FileSize">Length of the content, in bytes.</param>
internal readonly record struct CpioHeader(uint NameSize, uint FileSize)
{
    /// <summary>Length of the header, in bytes.</summary>
    public const int Size = 110;

    private const int FieldSize = 8, FieldsStart = 6;
    private const int FileSizeField = 6, NameSizeField = 11;
    private const uint LongestName = 4096;

    /// <summary>Length of header, name and content with the padding behind each, in bytes.</summary>
    public long Total => AlignUp(Size + (long)NameSize) + AlignUp(FileSize);

    /// <summary>Reads a header; false if it is none.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out CpioHeader header)
    {
        header = default;
        if (bytes.Length < Size || !bytes.StartsWith("07070"u8) || bytes[5] is not ((byte)'1' or (byte)'2'))
            return false;
        if (!TryReadField(bytes, NameSizeField, out uint nameSize) || !TryReadField(bytes, FileSizeField, out uint fileSize) || nameSize is 0 or > LongestName)
            return false;
        header = new CpioHeader(nameSize, fileSize);
        return true;
    }

    /// <summary>Whether the name, which these bytes begin with, is the one that ends an archive.</summary>
    public bool IsTrailer(ReadOnlySpan<byte> name) => NameSize == 11 && name.StartsWith("TRAILER!!!\0"u8);

    private static bool TryReadField(ReadOnlySpan<byte> bytes, int index, out uint value) =>
        uint.TryParse(bytes.Slice(FieldsStart + (index * FieldSize), FieldSize), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);

    private static long AlignUp(long length) => (length + 3) & ~3L;
}
