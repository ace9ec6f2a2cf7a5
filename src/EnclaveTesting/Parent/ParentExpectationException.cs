namespace EnclaveTesting;

/// <summary>The enclave did not do on a parent port what was expected of it.</summary>
public sealed class ParentExpectationException : EnclaveException
{
    /// <summary>An exception with no further detail.</summary>
    public ParentExpectationException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public ParentExpectationException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public ParentExpectationException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
