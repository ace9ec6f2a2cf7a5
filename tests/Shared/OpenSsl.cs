using System.Diagnostics;

namespace EnclaveTesting.Tests.Shared;

internal static class OpenSsl
{
    /// <summary>Runs a command, which must succeed.</summary>
    /// <returns>What it printed on standard output.</returns>
    public static string Run(params string[] arguments)
    {
        var start = new ProcessStartInfo("openssl", arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        process.ExitCode.Should().Be(0, "openssl {0} said: {1}{2}", string.Join(' ', arguments), output, error.Result);
        return output;
    }
}
