namespace EnclaveTesting.Cli.Tests;

/// <summary>One run of the tool in this process.</summary>
internal sealed record CommandRun(int ExitCode, string Output, string Error)
{
    public static async Task<CommandRun> OfAsync(params string[] args)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        int exitCode = await EnclaveCommandLine.RunAsync(args, output, error);
        return new CommandRun(exitCode, output.ToString(), error.ToString());
    }
}
