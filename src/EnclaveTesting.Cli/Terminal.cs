using Spectre.Console;

namespace EnclaveTesting.Cli;

/// <summary>Output for people.</summary>
internal static class Terminal
{
    /// <summary>Colours only on a terminal, and lines are never broken: what is long is there to be copied.</summary>
    public static IAnsiConsole Create(TextWriter output)
    {
        var destination = new AnsiConsoleOutput(output);
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = destination,
            Ansi = destination.IsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = destination.IsTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        });
        console.Profile.Width = 4096;
        return console;
    }
}
