namespace EnclaveTesting.Engine.Machine.Recording;

/// <summary>Thrown when a file is no recording of a machine, or a damaged one: says which file, where, what was expected and what was found.</summary>
internal sealed class RecordingFormatException : FormatException
{
    /// <summary>Creates the exception; the message is put together from the parts.</summary>
    /// <param name="file">Path of the recording.</param>
    /// <param name="offset">Byte offset in the file.</param>
    /// <param name="expected">What a valid recording has there.</param>
    /// <param name="found">What this one has there.</param>
    public RecordingFormatException(string file, long offset, string expected, string found)
        : base($"{file}: not a valid recording at offset {offset} (0x{offset:x}): expected {expected}, found {found}.")
    {
        File = file;
        Offset = offset;
        Expected = expected;
        Found = found;
    }

    /// <summary>Path of the recording.</summary>
    public string File { get; }

    /// <summary>Byte offset in the file.</summary>
    public long Offset { get; }

    /// <summary>What a valid recording has at <see cref="Offset"/>.</summary>
    public string Expected { get; }

    /// <summary>What this one has at <see cref="Offset"/>.</summary>
    public string Found { get; }
}
