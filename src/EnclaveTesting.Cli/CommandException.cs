namespace EnclaveTesting.Cli;

/// <summary>Ends a command with one line on standard error and an exit code; never shows a stack trace.</summary>
internal sealed class CommandException(int exitCode, string message, Exception? innerException = null) : Exception(message, innerException)
{
    /// <summary>One of <see cref="Cli.ExitCode"/>.</summary>
    public int ExitCode { get; } = exitCode;
}
