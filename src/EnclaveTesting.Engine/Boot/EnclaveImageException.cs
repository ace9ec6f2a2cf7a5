namespace EnclaveTesting.Engine.Boot;

/// <summary>An image is well formed but cannot be booted: wrong architecture, unknown kernel format, too little memory.</summary>
internal sealed class EnclaveImageException : Exception
{
    /// <summary>An exception with no further detail.</summary>
    public EnclaveImageException()
    {
    }

    /// <summary>An exception that says what was found and what is needed.</summary>
    public EnclaveImageException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public EnclaveImageException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
