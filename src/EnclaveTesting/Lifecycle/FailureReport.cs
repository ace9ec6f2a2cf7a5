using System.Text;

namespace EnclaveTesting;

/// <summary>What the output of a failed test says about its enclave; the same in every test framework.</summary>
internal static class FailureReport
{
    private const int ConsoleLines = 200;

    public static string Render(Enclave enclave)
    {
        var text = new StringBuilder();
        long lines = enclave.Console.Log.LineCount;
        text.Append($"---- console of {enclave}{(lines > ConsoleLines ? $", last {ConsoleLines} of {lines} lines" : "")} ----\n");
        text.Append(enclave.Console.Log.Tail(ConsoleLines)).Append('\n');
        if (enclave.Parent.Connections is { Count: > 0 } connections)
            text.Append("---- connections to the parent ----\n").AppendJoin('\n', connections).Append('\n');
        if (enclave.Diagnostics is { Count: > 0 } diagnostics)
            text.Append("---- what the machine could not do ----\n").AppendJoin('\n', diagnostics).Append('\n');
        if (enclave.Reproduction is { } reproduction)
            text.Append("---- the same run again ----\n").Append(reproduction).Append('\n');
        if (enclave.Exited.IsCompletedSuccessfully)
            text.Append("---- exit ----\n").Append(enclave.Exited.Result).Append('\n');
        return text.ToString();
    }
}
