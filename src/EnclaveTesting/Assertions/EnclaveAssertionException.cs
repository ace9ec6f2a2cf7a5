namespace EnclaveTesting;

/// <summary>An enclave, its console, its parent or its attestation document is not as a test said it should be.</summary>
public sealed class EnclaveAssertionException : EnclaveException
{
    /// <summary>An exception with no further detail.</summary>
    public EnclaveAssertionException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public EnclaveAssertionException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public EnclaveAssertionException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
