namespace EnclaveTesting;

/// <summary>Finds the folder of a test's source file from the path that the compiler wrote down.</summary>
internal static class SourceDirectory
{
    /// <summary>
    /// The folder. Deterministic builds write paths such as <c>/_/tests/A/B.cs</c>: then the file is looked for under each folder above
    /// the test's binaries.
    /// </summary>
    /// <exception cref="SnapshotMismatchException">The source file is not on this machine.</exception>
    public static string Find(string sourceFile, string binaries)
    {
        if (File.Exists(sourceFile))
            return Path.GetDirectoryName(sourceFile)!;
        string[] parts = sourceFile.Split('/', '\\');
        for (var folder = new DirectoryInfo(binaries); folder is not null; folder = folder.Parent)
        {
            for (int first = 1; first < parts.Length; first++)
            {
                string candidate = Path.Combine([folder.FullName, .. parts[first..]]);
                if (File.Exists(candidate))
                    return Path.GetDirectoryName(candidate)!;
            }
        }

        throw new SnapshotMismatchException($"Snapshots stand beside their test, and the source file {sourceFile} is not on this machine (looked above {binaries} too).");
    }
}
