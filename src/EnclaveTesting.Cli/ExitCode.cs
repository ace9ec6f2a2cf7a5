namespace EnclaveTesting.Cli;

/// <summary>Exit codes of the tool, the same for every command.</summary>
internal static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Ok = 0;

    /// <summary>The image is damaged, is no image, or its signature does not hold.</summary>
    public const int BadImage = 1;

    /// <summary>The command line is wrong.</summary>
    public const int Usage = 2;

    /// <summary>A file, a device or a permission is missing.</summary>
    public const int Environment = 3;

    /// <summary>The enclave did not do what was waited for: panic, early exit, hypervisor error.</summary>
    public const int EnclaveFailed = 4;

    /// <summary>What was waited for did not happen in time.</summary>
    public const int TimedOut = 5;

    /// <summary>Ctrl-C.</summary>
    public const int Interrupted = 130;

    /// <summary>Nobody reads standard output any more: 128 and the number of SIGPIPE, as a shell has it.</summary>
    public const int OutputClosed = 141;

    /// <summary>For the help text.</summary>
    public const string Help = """
        Exit codes: 0 done; 1 the image is bad (damaged, not an EIF, signature does not hold); 2 wrong usage; 3 a file, device or permission is missing; 4 the enclave failed; 5 timed out; 130 interrupted; 141 standard output was closed.
        """;
}
