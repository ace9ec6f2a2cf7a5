using System.Text;
using DiffPlex.DiffBuilder;
using DiffPlex.DiffBuilder.Model;

namespace EnclaveTesting;

/// <summary>Differences between two texts for messages: changed lines with a little around them.</summary>
internal static class TextDiff
{
    private const int Context = 3;
    private const int MaxLines = 200;

    /// <summary>Lines only in <paramref name="expected"/> with a minus, lines only in <paramref name="actual"/> with a plus.</summary>
    public static string Render(string expected, string actual)
    {
        List<DiffPiece> lines = InlineDiffBuilder.Diff(expected, actual).Lines;
        var text = new StringBuilder();
        int shown = 0, last = -1;
        for (int i = 0; i < lines.Count; i++)
        {
            if (!IsNearChange(lines, i))
                continue;
            if (shown++ == MaxLines)
            {
                text.Append("(further differences are left out)\n");
                break;
            }

            if (last != i - 1)
                text.Append("  ...\n");
            last = i;
            text.Append(lines[i].Type switch
            {
                ChangeType.Deleted => "- ",
                ChangeType.Inserted => "+ ",
                _ => "  ",
            }).Append(lines[i].Text).Append('\n');
        }

        if (last != lines.Count - 1)
            text.Append("  ...\n");
        return text.ToString();
    }

    private static bool IsNearChange(List<DiffPiece> lines, int index)
    {
        for (int i = Math.Max(0, index - Context); i <= Math.Min(lines.Count - 1, index + Context); i++)
        {
            if (lines[i].Type is ChangeType.Deleted or ChangeType.Inserted)
                return true;
        }

        return false;
    }
}
