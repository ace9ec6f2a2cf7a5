namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>A vsock connection failed.</summary>
public sealed class VsockException : IOException
{
    /// <summary>An exception with no further detail.</summary>
    public VsockException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public VsockException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public VsockException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>An exception of a kind.</summary>
    public VsockException(VsockError error, string message)
        : base(message) => Error = error;

    /// <summary>The kind.</summary>
    public VsockError Error { get; }

    /// <summary>The same for another caller: an exception that several threads throw would mix up their stack traces.</summary>
    internal VsockException Copy() => new(Error, Message);
}
