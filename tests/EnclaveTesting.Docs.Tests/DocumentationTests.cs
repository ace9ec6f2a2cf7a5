using System.Text;
using System.Text.RegularExpressions;

namespace EnclaveTesting.Docs.Tests;

/// <summary>
/// Keeps the pages true: every C# block is a region of a test, word for word. The region is the original: after changing
/// one, run these tests with ENCLAVE_REFRESH_DOCS=true, and the pages are written anew.
/// </summary>
public partial class DocumentationTests
{
    private const string RefreshVariable = "ENCLAVE_REFRESH_DOCS";

    public static TheoryData<string> Pages => [.. Repository.Pages];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Code_of_a_page_is_code_of_a_test(string page)
    {
        string path = Repository.PathOf(page);
        string text = File.ReadAllText(path);
        string expected = Refresh(page, text);
        if (Environment.GetEnvironmentVariable(RefreshVariable) == "true")
            File.WriteAllText(path, expected);
        else
            text.Should().Be(expected, $"the code in {page} is that of the tests (after changing a test: {RefreshVariable}=true)");
    }

    [Fact]
    public void Every_region_stands_on_a_page()
    {
        string pages = string.Concat(Repository.Pages.Select(page => File.ReadAllText(Repository.PathOf(page))));

        Repository.Regions.Keys.Where(name => !pages.Contains($"<!-- region: {name} -->", StringComparison.Ordinal)).Should().BeEmpty();
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public void Links_of_a_page_lead_somewhere(string page)
    {
        string path = Repository.PathOf(page), text = File.ReadAllText(path);

        LocalLink().Matches(text).Where(link => !LeadsSomewhere(path, link.Groups["file"].Value, link.Groups["heading"].Value)).Select(link => link.Value).Should().BeEmpty();
    }

    private static bool LeadsSomewhere(string page, string file, string heading)
    {
        string target = file.Length == 0 ? page : Path.Combine(Path.GetDirectoryName(page)!, file);
        return Path.Exists(target) && (heading.Length == 0 || Heading().Matches(File.ReadAllText(target)).Any(it => Anchor(it.Groups["text"].Value) == heading));
    }

    /// <summary>What a heading is called in an address: small letters, digits and dashes.</summary>
    private static string Anchor(string heading) =>
        string.Concat(heading.ToLowerInvariant().Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-').Select(c => c == ' ' ? '-' : c));

    [GeneratedRegex(@"\]\((?!https?://)(?<file>[^)#\s]*)(#(?<heading>[^)]*))?\)")]
    private static partial Regex LocalLink();

    [GeneratedRegex("^#+ (?<text>.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex("^<!-- region: (?<name>.+) -->$")]
    private static partial Regex Marker();

    /// <summary>The page with every C# block replaced by its region.</summary>
    private static string Refresh(string page, string text)
    {
        var result = new StringBuilder();
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            result.Append(lines[i]).Append(i == lines.Length - 1 ? "" : "\n");
            if (lines[i] != "```csharp")
                continue;
            Match marker = Marker().Match(i > 0 ? lines[i - 1] : "");
            if (!marker.Success || !Repository.Regions.TryGetValue(marker.Groups["name"].Value, out string? region))
                throw new InvalidDataException($"{page}, line {i + 1}: before a C# block stands a line such as <!-- region: File.cs name -->, and that region is in a test.");
            result.Append(region);
            while (lines[i + 1] != "```")
                i++;
        }

        return result.ToString();
    }
}
