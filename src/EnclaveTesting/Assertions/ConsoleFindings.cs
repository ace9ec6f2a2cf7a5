using System.Text;
using System.Text.RegularExpressions;

namespace EnclaveTesting;

/// <summary>What can be asserted about what an enclave printed.</summary>
internal static class ConsoleFindings
{
    public static Finding<string> Line(ConsoleView view, string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        return Line(view, $"containing \"{text}\"", line => line.Contains(text, StringComparison.Ordinal));
    }

    public static Finding<string> Line(ConsoleView view, Regex pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return Line(view, $"matching /{pattern}/", pattern.IsMatch);
    }

    public static Finding<ConsoleView> NoLine(ConsoleView view, string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        return NoLine(view, $"containing \"{text}\"", line => line.Contains(text, StringComparison.Ordinal));
    }

    public static Finding<ConsoleView> NoLine(ConsoleView view, Regex pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return NoLine(view, $"matching /{pattern}/", pattern.IsMatch);
    }

    public static Finding<ConsoleView> LinesInOrder(ConsoleView view, IReadOnlyList<string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        if (texts.Count == 0 || texts.Any(string.IsNullOrEmpty))
            throw new ArgumentException("Every line to look for has a text, and there is at least one.", nameof(texts));
        IReadOnlyList<string> lines = view.Lines;
        var places = new List<int>();
        for (int next = 0; places.Count < texts.Count; next = places[^1] + 1)
        {
            string text = texts[places.Count];
            int place = IndexOf(lines, text, next);
            if (place < 0)
                return Of(view, view, $"to have {texts.Count} lines in order", OutOfOrder(lines, text, next), Describe(texts, places));
            places.Add(place);
        }

        return Of(view, view, "", null, "");
    }

    private static Finding<string> Line(ConsoleView view, string wanted, Predicate<string> matches)
    {
        int found = IndexOf(view.Lines, matches, 0);
        return Of(view, found < 0 ? "" : view.Lines[found], $"to have a line {wanted}", found < 0 ? $"none of its {view.Lines.Count} lines is one" : null, "");
    }

    private static Finding<ConsoleView> NoLine(ConsoleView view, string unwanted, Predicate<string> matches)
    {
        int found = IndexOf(view.Lines, matches, 0);
        return Of(view, view, $"to have no line {unwanted}", found < 0 ? null : $"line {found + 1} is \"{view.Lines[found]}\"", "");
    }

    private static string OutOfOrder(IReadOnlyList<string> lines, string text, int next)
    {
        int before = IndexOf(lines, text, 0);
        string where = next == 0 ? "" : $" after line {next}";
        return before < 0 ? $"no line contains \"{text}\"" : $"\"{text}\" does not come{where}, only in line {before + 1}";
    }

    private static string Describe(IReadOnlyList<string> texts, List<int> places)
    {
        var text = new StringBuilder("In order:\n");
        for (int i = 0; i < texts.Count; i++)
            text.Append(i < places.Count ? $"    [line {places[i] + 1}] " : i == places.Count ? "    [missing] " : "    [not looked for] ").Append(texts[i]).Append('\n');
        return text.ToString();
    }

    private static int IndexOf(IReadOnlyList<string> lines, string text, int from) => IndexOf(lines, line => line.Contains(text, StringComparison.Ordinal), from);

    private static int IndexOf(IReadOnlyList<string> lines, Predicate<string> matches, int from)
    {
        for (int i = from; i < lines.Count; i++)
        {
            if (matches(lines[i]))
                return i;
        }

        return -1;
    }

    private static Finding<T> Of<T>(ConsoleView view, T value, string expected, string? seen, string detail) =>
        new(value, $"the {view.Name} {expected}", seen, seen is null ? "" : detail + Evidence.Of(view));
}
