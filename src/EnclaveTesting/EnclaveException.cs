namespace EnclaveTesting;

/// <summary>What goes wrong with an enclave under test. The message alone is meant to be enough.</summary>
public class EnclaveException : Exception
{
    /// <summary>An exception with no further detail.</summary>
    public EnclaveException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public EnclaveException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public EnclaveException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
