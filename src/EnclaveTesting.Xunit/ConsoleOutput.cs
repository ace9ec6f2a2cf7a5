using Xunit.Abstractions;

namespace EnclaveTesting.Xunit;

/// <summary>Shows a console in the output of a test, whether it fails or not.</summary>
public static class ConsoleOutput
{
    /// <summary>Writes each line as it is printed to the output of the running test, until the result is disposed or the test is over.</summary>
    /// <param name="console">The console.</param>
    /// <param name="output">The test's output.</param>
    /// <param name="fromStart">Begins with the first line instead of the next one.</param>
    public static IDisposable WriteTo(this EnclaveConsole console, ITestOutputHelper output, bool fromStart = false)
    {
        ArgumentNullException.ThrowIfNull(console);
        ArgumentNullException.ThrowIfNull(output);
        return console.WriteTo(output.WriteLine, fromStart);
    }
}
