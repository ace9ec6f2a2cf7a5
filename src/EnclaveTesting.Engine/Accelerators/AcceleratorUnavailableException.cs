namespace EnclaveTesting.Engine.Accelerators;

/// <summary>An accelerator cannot be used on this host; the message says what was tried and how to mend it.</summary>
public sealed class AcceleratorUnavailableException : Exception
{
    /// <summary>An exception with no further detail.</summary>
    public AcceleratorUnavailableException()
    {
    }

    /// <summary>An exception that says what was probed and how to mend it.</summary>
    public AcceleratorUnavailableException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public AcceleratorUnavailableException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
