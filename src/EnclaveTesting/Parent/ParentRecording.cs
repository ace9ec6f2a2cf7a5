using System.Text;

namespace EnclaveTesting;

/// <summary>
/// What was said on one connection, in its order, to be kept and played again by <see cref="ParentPort.Replay"/>. As text, a line for each
/// exchange: &lt; (from the enclave) or &gt; (from the parent), then the bytes in Base64.
/// </summary>
public sealed class ParentRecording
{
    private const string FirstLine = "# EnclaveTesting recording 1";

    internal ParentRecording(IReadOnlyList<ParentExchange> exchanges) => Exchanges = exchanges;

    /// <summary>The exchanges.</summary>
    internal IReadOnlyList<ParentExchange> Exchanges { get; }

    /// <summary>Reads a recording.</summary>
    /// <exception cref="FormatException">The text is none.</exception>
    public static ParentRecording Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] lines = text.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        if (lines[0] != FirstLine)
            throw new FormatException($"A recording begins with \"{FirstLine}\", not \"{lines[0]}\".");
        return new ParentRecording([.. lines.Skip(1).Select(ParseLine)]);
    }

    /// <summary>Reads a recording from a file.</summary>
    /// <inheritdoc cref="Parse"/>
    public static ParentRecording Load(string path) => Parse(File.ReadAllText(path));

    /// <summary>Writes the recording to a file.</summary>
    public void Save(string path) => File.WriteAllText(path, ToString());

    /// <summary>The recording as text.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(FirstLine).Append('\n');
        foreach (ParentExchange exchange in Exchanges)
            text.Append(exchange.FromEnclave ? "< " : "> ").Append(Convert.ToBase64String(exchange.Bytes.Span)).Append('\n');
        return text.ToString();
    }

    private static ParentExchange ParseLine(string line, int index) => line is ['<' or '>', ' ', ..]
        ? new ParentExchange(line[0] == '<', Convert.FromBase64String(line[2..]))
        : throw new FormatException($"Line {index + 2} of the recording begins neither with \"< \" nor with \"> \": \"{line}\".");
}
