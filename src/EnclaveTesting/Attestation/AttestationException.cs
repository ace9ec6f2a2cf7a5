namespace EnclaveTesting.Attestation;

/// <summary>An attestation document is malformed or does not verify.</summary>
public sealed class AttestationException : EnclaveException
{
    /// <summary>An exception with no further detail.</summary>
    public AttestationException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public AttestationException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public AttestationException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    internal AttestationException(AttestationStep step, string message, Exception? innerException = null)
        : base($"The attestation document fails at {step}: {message}", innerException) => Step = step;

    /// <summary>The step that failed.</summary>
    public AttestationStep Step { get; }
}
