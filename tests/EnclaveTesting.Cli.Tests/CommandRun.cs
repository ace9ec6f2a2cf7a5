using System.Text;

namespace EnclaveTesting.Cli.Tests;

/// <summary>One run of the tool in this process.</summary>
internal sealed record CommandRun(int ExitCode, string Output, string Error)
{
    public static Task<CommandRun> OfAsync(params string[] args) => OfAsync(args, CancellationToken.None);

    public static async Task<CommandRun> OfAsync(string[] args, CancellationToken cancellationToken)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        using var bytes = new MemoryStream();
        int exitCode = await EnclaveCommandLine.RunAsync(args, output, TextWriter.Synchronized(error), () => bytes, cancellationToken);
        return new CommandRun(exitCode, output + Encoding.UTF8.GetString(bytes.ToArray()), error.ToString());
    }
}
