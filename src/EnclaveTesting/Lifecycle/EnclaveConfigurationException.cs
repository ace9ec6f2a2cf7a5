namespace EnclaveTesting;

/// <summary>An <see cref="EnclaveBuilder"/> was given something impossible; the message lists all of it.</summary>
public sealed class EnclaveConfigurationException : EnclaveException
{
    /// <summary>An exception with no further detail.</summary>
    public EnclaveConfigurationException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public EnclaveConfigurationException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public EnclaveConfigurationException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    internal EnclaveConfigurationException(IReadOnlyList<string> problems)
        : base(problems.Count == 1 ? problems[0] : "The enclave cannot be built:\n" + string.Join('\n', problems.Select(problem => "  - " + problem))) =>
        Problems = problems;

    /// <summary>Each mistake.</summary>
    public IReadOnlyList<string> Problems { get; } = [];
}
