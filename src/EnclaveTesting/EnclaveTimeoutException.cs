namespace EnclaveTesting;

/// <summary>Something did not come in time.</summary>
public sealed class EnclaveTimeoutException : EnclaveException
{
    /// <summary>An exception with no further detail.</summary>
    public EnclaveTimeoutException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public EnclaveTimeoutException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public EnclaveTimeoutException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    internal EnclaveTimeoutException(string awaited, TimeSpan timeout, string consoleTail, string? evidence = null)
        : base($"Waited {Text.Duration(timeout)} for {awaited}; it did not come.\n{evidence ?? Text.ConsoleTail(consoleTail)}")
    {
        Awaited = awaited;
        ConsoleTail = consoleTail;
    }

    /// <summary>What was awaited, in words.</summary>
    public string Awaited { get; } = "";

    /// <summary>The console's last lines when the time was over.</summary>
    public string ConsoleTail { get; } = "";
}
