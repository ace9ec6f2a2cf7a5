using System.Text;
using System.Text.RegularExpressions;

namespace EnclaveTesting.Docs.Tests;

/// <summary>
/// Keeps the pages true: every C# block is a region of a test in this project, word for word. The region is the original: after changing
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
        string folder = Path.GetDirectoryName(Repository.PathOf(page))!;

        LocalLink().Matches(File.ReadAllText(Repository.PathOf(page))).Select(match => match.Groups["file"].Value)
            .Where(file => !Path.Exists(Path.Combine(folder, file))).Should().BeEmpty();
    }

    [GeneratedRegex(@"\]\((?!https?://)(?<file>[^)#\s]+)(#[^)]*)?\)")]
    private static partial Regex LocalLink();

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
                throw new InvalidDataException($"{page}, line {i + 1}: before a C# block stands a line such as <!-- region: File.cs name -->, and that region is in tests/EnclaveTesting.Docs.Tests.");
            result.Append(region);
            while (lines[i + 1] != "```")
                i++;
        }

        return result.ToString();
    }
}
