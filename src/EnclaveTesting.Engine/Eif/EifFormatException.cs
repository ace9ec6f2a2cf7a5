namespace EnclaveTesting.Engine.Eif;

/// <summary>Thrown when an enclave image is not a valid EIF: says which image, where, what was expected and what was found.</summary>
public sealed class EifFormatException : FormatException
{
    /// <summary>Creates the exception; the message is put together from the parts.</summary>
    /// <param name="image">Path of the image, or "&lt;memory&gt;" or "&lt;stream&gt;".</param>
    /// <param name="offset">Byte offset in the image of the field at fault.</param>
    /// <param name="expected">What a valid image has there.</param>
    /// <param name="found">What this image has there.</param>
    /// <param name="innerException">The parser's own exception, if there was one.</param>
    public EifFormatException(string image, long offset, string expected, string found, Exception? innerException = null)
        : base($"{image}: not a valid EIF at offset {offset} (0x{offset:x}): expected {expected}, found {found}.", innerException)
    {
        Image = image;
        Offset = offset;
        Expected = expected;
        Found = found;
    }

    /// <summary>Path of the image, or "&lt;memory&gt;" or "&lt;stream&gt;".</summary>
    public string Image { get; }

    /// <summary>Byte offset in the image of the field at fault.</summary>
    public long Offset { get; }

    /// <summary>What a valid image has at <see cref="Offset"/>.</summary>
    public string Expected { get; }

    /// <summary>What this image has at <see cref="Offset"/>.</summary>
    public string Found { get; }
}
