using System.Globalization;
using System.Security;
using System.Text;

namespace EnclaveTesting.Benchmarks.Suite;

/// <summary>A bar for everything that has a peer, to the right where we are better, to the left where the peer is; each mark is ten times.</summary>
internal static class Plot
{
    private const int Width = 1100, Text = 470, Line = 22, Margin = 40;
    private const int Decades = 3; // on each side

    public static string Draw(IReadOnlyList<Row> rows)
    {
        Row[] compared = [.. rows.Where(row => row.Advantage is > 0)];
        int height = (2 * Margin) + (compared.Length * Line);
        double middle = Text + ((Width - Text - Margin) / 2.0), decade = (Width - Text - Margin) / 2.0 / Decades;
        var svg = new StringBuilder();
        svg.AppendLine(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">");
        svg.AppendLine("<rect width=\"100%\" height=\"100%\" fill=\"white\"/>");
        for (int i = -Decades; i <= Decades; i++)
        {
            double x = middle + (i * decade);
            svg.AppendLine(CultureInfo.InvariantCulture, $"<line x1=\"{x:F1}\" y1=\"{Margin - 8}\" x2=\"{x:F1}\" y2=\"{height - Margin}\" stroke=\"{(i == 0 ? "black" : "#ddd")}\"/>");
            string label = i < 0 ? $"1/{Math.Pow(10, -i):F0}" : i == 0 ? "as the peer" : $"{Math.Pow(10, i):F0} times better";
            svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{x:F1}\" y=\"{Margin - 14}\" text-anchor=\"middle\">{label}</text>");
        }

        for (int i = 0; i < compared.Length; i++)
        {
            Row row = compared[i];
            int y = Margin + (i * Line);
            double length = Math.Clamp(Math.Log10(row.Advantage!.Value), -Decades, Decades) * decade;
            svg.AppendLine(CultureInfo.InvariantCulture, $"<text x=\"{Text - 10}\" y=\"{y + 15}\" text-anchor=\"end\">{SecurityElement.Escape(row.What)}</text>");
            svg.AppendLine(CultureInfo.InvariantCulture, $"<rect x=\"{Math.Min(middle, middle + length):F1}\" y=\"{y + 3}\" width=\"{Math.Abs(length):F1}\" height=\"{Line - 6}\" fill=\"{(length < 0 ? "#c0504d" : "#4f81bd")}\"><title>{SecurityElement.Escape(row.Peer)}</title></rect>");
        }

        svg.AppendLine("</svg>");
        return svg.ToString();
    }
}
