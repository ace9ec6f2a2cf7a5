using System.CommandLine;
using System.CommandLine.Invocation;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Cli;

/// <summary>
/// The root command. One file per command: a static class with <c>Create(CommandContext)</c>, added in <see cref="CreateRoot"/>.
/// A command writes results to the context's Output, everything else to its Error, and returns an <see cref="ExitCode"/>; it
/// throws <see cref="CommandException"/> to end with one line on Error.
/// </summary>
internal static class EnclaveCommandLine
{
    /// <summary>Runs the tool; the entry for Program and for tests.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="output">Takes results.</param>
    /// <param name="error">Takes status and errors.</param>
    /// <param name="openOutput">The same place as output, for bytes.</param>
    /// <param name="cancellationToken">Interrupts, as Ctrl-C does.</param>
    /// <returns>The process's exit code.</returns>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter error, Func<Stream> openOutput, CancellationToken cancellationToken = default)
    {
        var context = new CommandContext(output, error, openOutput);
        var result = CreateRoot(context).Parse(args);
        if (result.Action is ParseErrorAction)
        {
            foreach (var problem in result.Errors)
                await error.WriteLineAsync($"enclave: {problem.Message}").ConfigureAwait(false);
            await error.WriteLineAsync($"Try 'enclave {result.CommandPath()}--help'.").ConfigureAwait(false);
            return ExitCode.Usage;
        }

        // The tool's own help has a line for each command; what more there is to say stands in the command's.
        if (result.CommandResult.Command is RootCommand root)
        {
            foreach (Command command in root.Subcommands)
                command.Description = command.Description?.Split('\n')[0].TrimEnd('\r');
        }

        var configuration = new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false };
        try
        {
            return await result.InvokeAsync(configuration, cancellationToken).ConfigureAwait(false);
        }
        catch (CommandException exception)
        {
            return await FailAsync(error, exception.ExitCode, exception.Message).ConfigureAwait(false);
        }
        catch (EifFormatException exception)
        {
            return await FailAsync(error, ExitCode.BadImage, exception.Message).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or AcceleratorUnavailableException)
        {
            return await FailAsync(error, ExitCode.Environment, exception.Message).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return await FailAsync(error, ExitCode.Interrupted, "interrupted").ConfigureAwait(false);
        }
    }

    private static RootCommand CreateRoot(CommandContext context) => new($"""
        Describe, build and run AWS Nitro Enclave images on any machine.

        {ExitCode.Help}
        """)
    {
        DescribeCommand.Create(context),
        RunCommand.Create(context),
        BuildCommand.Create(context),
        SignCommand.Create(context),
        ExtractCommand.Create(context),
        DoctorCommand.Create(context),
        CacheCommand.Create(context),
    };

    private static string CommandPath(this ParseResult result) => string.Concat(Names(result.CommandResult).Reverse().Select(name => name + " "));

    private static IEnumerable<string> Names(System.CommandLine.Parsing.CommandResult? command)
    {
        for (; command?.Command is { } current and not RootCommand; command = command.Parent as System.CommandLine.Parsing.CommandResult)
            yield return current.Name;
    }

    private static async Task<int> FailAsync(TextWriter error, int exitCode, string message)
    {
        await error.WriteLineAsync($"enclave: {message}").ConfigureAwait(false);
        return exitCode;
    }
}
