using System.CommandLine;
using Spectre.Console;

namespace EnclaveTesting.Cli;

/// <summary><c>enclave doctor</c>: whether enclaves can run here, what stands in the way, and how to mend it.</summary>
internal static class DoctorCommand
{
    private const int LevelWidth = 8, SubjectWidth = 20;

    public static Command Create(CommandContext context)
    {
        var command = new Command("doctor", $"""
            Find out whether enclaves can run on this machine and how to mend what stands in the way.

            Exit code 0 if an enclave can run here, 3 if not.

            {ExitCode.Help}
            """);
        command.SetAction(_ => Write(context.Output, Diagnosis.Of(new HostInspector().Inspect())));
        return command;
    }

    /// <summary>Prints a diagnosis.</summary>
    /// <returns>The exit code.</returns>
    public static int Write(TextWriter output, Diagnosis diagnosis)
    {
        var console = Terminal.Create(output);
        string margin = new(' ', LevelWidth + SubjectWidth);
        foreach (var finding in diagnosis.Findings)
        {
            (string word, string colour) = finding.Level switch
            {
                Diagnosis.Level.Good => ("ok", "green"),
                Diagnosis.Level.Warning => ("warning", "yellow"),
                _ => ("bad", "red"),
            };
            console.Write(new Markup($"[{colour}]{word,-LevelWidth}[/]"));
            console.WriteLine($"{finding.Subject,-SubjectWidth}{finding.Text}");
            foreach (string line in finding.Remedy?.Split('\n') ?? [])
                console.WriteLine(margin + line);
        }

        console.WriteLine(diagnosis.Verdict);
        return diagnosis.CanRun ? ExitCode.Ok : ExitCode.Environment;
    }
}
