using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>The enclave ended while something was still expected of it.</summary>
public sealed class EnclaveExitedException : EnclaveException
{
    /// <summary>An exception with no further detail.</summary>
    public EnclaveExitedException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public EnclaveExitedException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public EnclaveExitedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    internal EnclaveExitedException(string awaited, VmExit exit, string consoleTail, string evidence)
        : base($"The enclave ended while {awaited} was awaited.\n{evidence}")
    {
        Exit = exit;
        ConsoleTail = consoleTail;
    }

    /// <summary>How the enclave ended.</summary>
    public VmExit? Exit { get; }

    /// <summary>The console's last lines.</summary>
    public string ConsoleTail { get; } = "";
}
