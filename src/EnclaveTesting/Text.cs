using System.Globalization;
using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting;

/// <summary>The words that messages share.</summary>
internal static class Text
{
    /// <summary>A duration as people write it: 250 ms, 1.5 s, 2 min.</summary>
    public static string Duration(TimeSpan value) => value switch
    {
        { TotalSeconds: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{value.TotalMilliseconds:0.#} ms"),
        { TotalSeconds: < 120 } => string.Create(CultureInfo.InvariantCulture, $"{value.TotalSeconds:0.##} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{value.TotalMinutes:0.#} min"),
    };

    /// <summary>How the machine ended, with its registers.</summary>
    public static string Exit(VmExit exit) => "Exit: " + exit.ToString().ReplaceLineEndings("\n");

    /// <summary>The console's tail, indented under a heading.</summary>
    public static string ConsoleTail(string tail) => tail.Length == 0
        ? "Console: nothing was printed."
        : "Console (last lines):\n" + Indent(tail);

    /// <summary>Each line four blanks to the right.</summary>
    public static string Indent(string text) => "    " + text.TrimEnd('\n').Replace("\n", "\n    ", StringComparison.Ordinal);
}
