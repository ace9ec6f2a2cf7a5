namespace EnclaveTesting;

/// <summary>Files that tests name.</summary>
internal static class TestFile
{
    /// <summary>Where a file may be: a relative path is looked for beside the test's binaries, then in the current directory.</summary>
    public static IReadOnlyList<string> Candidates(string path) => Path.IsPathRooted(path) ? [path] : [.. new[] { Path.Combine(AppContext.BaseDirectory, path), Path.GetFullPath(path) }.Distinct()];

    /// <summary>The first of these places where it is; null if it is nowhere.</summary>
    public static string? Find(string path) => Candidates(path).FirstOrDefault(File.Exists);
}
