using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>An enclave did not become ready.</summary>
public sealed class EnclaveBootException : EnclaveException
{
    /// <summary>An exception with no further detail.</summary>
    public EnclaveBootException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public EnclaveBootException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with its cause.</summary>
    public EnclaveBootException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    internal EnclaveBootException(string message, BootPhase phase, bool timedOut, VmExit? exit, string consoleTail, Exception? cause)
        : base(message, cause)
    {
        Phase = phase;
        IsTimeout = timedOut;
        Exit = exit;
        ConsoleTail = consoleTail;
    }

    /// <summary>How far it came.</summary>
    public BootPhase Phase { get; }

    /// <summary>Whether the time was over; else the enclave ended or did something that made waiting pointless.</summary>
    public bool IsTimeout { get; }

    /// <summary>How it ended; after a timeout it was stopped, and this shows where its first CPU was.</summary>
    public VmExit? Exit { get; }

    /// <summary>The console's last lines.</summary>
    public string ConsoleTail { get; } = "";
}
