namespace EnclaveTesting;

/// <summary>A text differs from its snapshot, or has none yet.</summary>
public sealed class SnapshotMismatchException : EnclaveException
{
    /// <summary>An exception with no further detail.</summary>
    public SnapshotMismatchException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public SnapshotMismatchException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public SnapshotMismatchException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    internal SnapshotMismatchException(string message, string receivedPath, string verifiedPath)
        : base(message)
    {
        ReceivedPath = receivedPath;
        VerifiedPath = verifiedPath;
    }

    /// <summary>The file with the text that came; empty if none was written.</summary>
    public string ReceivedPath { get; } = "";

    /// <summary>The snapshot's file.</summary>
    public string VerifiedPath { get; } = "";
}
