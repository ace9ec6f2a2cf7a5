namespace EnclaveTesting.Docs.Tests;

/// <summary>Where the pages and the tests behind them are.</summary>
internal static class Repository
{
    /// <summary>The repository's folder.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The pages: README, docs and the packages' own readmes, as paths relative to the root.</summary>
    public static IReadOnlyList<string> Pages { get; } =
    [
        "README.md",
        .. Find("docs", "*.md", SearchOption.AllDirectories),
        .. Find("src", "PACKAGE.md", SearchOption.AllDirectories),
    ];

    /// <summary>The regions of this project's files, and of the tests that need a container engine, by <c>File.cs name</c>, without their indentation.</summary>
    public static IReadOnlyDictionary<string, string> Regions { get; } = ((string[])["tests/EnclaveTesting.Docs.Tests", "tests/EnclaveTesting.Testcontainers.Tests"])
        .SelectMany(folder => Find(folder, "*.cs", SearchOption.TopDirectoryOnly))
        .SelectMany(file => RegionsOf(Path.GetFileName(file), File.ReadAllLines(PathOf(file))))
        .ToDictionary();

    /// <summary>The path of a file of the repository.</summary>
    public static string PathOf(string relative) => Path.Combine(Root, relative);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "EnclaveTesting.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException($"{AppContext.BaseDirectory} is not in a clone of the repository.");
        return folder.FullName;
    }

    private static IEnumerable<string> Find(string folder, string pattern, SearchOption depth) =>
        Directory.EnumerateFiles(PathOf(folder), pattern, depth).Select(file => Path.GetRelativePath(Root, file)).Order(StringComparer.Ordinal);

    private static IEnumerable<KeyValuePair<string, string>> RegionsOf(string file, string[] lines)
    {
        string? name = null;
        var region = new List<string>();
        foreach (string line in lines)
        {
            string text = line.Trim();
            if (text.StartsWith("#region ", StringComparison.Ordinal))
            {
                name = $"{file} {text["#region ".Length..]}";
                region.Clear();
            }
            else if (text == "#endregion")
            {
                yield return KeyValuePair.Create(name ?? throw new InvalidDataException($"{file} ends a region that it did not begin."), Unindent(region));
                name = null;
            }
            else if (name is not null)
            {
                region.Add(line);
            }
        }
    }

    private static string Unindent(List<string> lines)
    {
        int indentation = lines.Where(line => line.Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length == 0 ? line : line[indentation..])).Trim('\n') + "\n";
    }
}
