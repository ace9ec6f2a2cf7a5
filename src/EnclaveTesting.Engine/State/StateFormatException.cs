namespace EnclaveTesting.Engine.State;

/// <summary>A saved machine cannot be used: says which file, where, what was expected and what was found.</summary>
internal sealed class StateFormatException : FormatException
{
    /// <summary>Creates the exception; the message is put together from the parts.</summary>
    /// <param name="source">Path of the file, or "&lt;memory&gt;".</param>
    /// <param name="offset">Byte offset in it of what is wrong.</param>
    /// <param name="expected">What a usable file has there.</param>
    /// <param name="found">What this file has there.</param>
    public StateFormatException(string source, long offset, string expected, string found)
        : base($"{source}: not a saved machine that can be used, at offset {offset} (0x{offset:x}): expected {expected}, found {found}.")
    {
        SourceName = source;
        Offset = offset;
        Expected = expected;
        Found = found;
    }

    /// <summary>Path of the file, or "&lt;memory&gt;".</summary>
    public string SourceName { get; }

    /// <summary>Where it is wrong.</summary>
    public long Offset { get; }

    /// <summary>What a usable file has there.</summary>
    public string Expected { get; }

    /// <summary>What this file has there.</summary>
    public string Found { get; }
}
