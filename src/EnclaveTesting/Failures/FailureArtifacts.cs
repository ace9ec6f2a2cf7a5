namespace EnclaveTesting;

/// <summary>The files about a failed test: nothing is written for a test that passes.</summary>
internal static class FailureArtifacts
{
    /// <summary>Names the folder for the files.</summary>
    public const string FolderVariable = "ENCLAVE_ARTIFACTS";

    // A further kind of file is a further line here.
    private static readonly IReadOnlyList<ArtifactWriter> Writers =
    [
        ArtifactWriter.OfText("console.txt", enclave => enclave.Console.All.Text),
        ArtifactWriter.OfText("parent.txt", ParentReport.Render),
        new("recording", enclave => enclave.Recording is { } recording ? recording.CopyTo : null),
        new("pcapng", enclave => enclave.Capture is { } capture ? capture.Save : null),
    ];

    /// <summary>Where the files go unless told otherwise: <c>TestResults/EnclaveTesting</c> under the current directory.</summary>
    public static string Folder => Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } folder
        ? Path.GetFullPath(folder)
        : Path.GetFullPath(Path.Combine("TestResults", "EnclaveTesting"));

    /// <summary>Writes all files about the enclaves of a failed test. Never throws: the test's own failure is what matters.</summary>
    /// <param name="enclaves">The test's enclaves; with several, each file's name has its enclave's.</param>
    /// <param name="test">The test.</param>
    /// <param name="folder">The folder; null for <see cref="Folder"/>.</param>
    public static IReadOnlyList<Artifact> Write(IReadOnlyList<Enclave> enclaves, TestName test, string? folder = null)
    {
        var artifacts = new List<Artifact>();
        string start = Path.Combine(folder ?? Folder, test.ToFileName());
        for (int i = 0; i < enclaves.Count; i++)
        {
            string name = enclaves.Count == 1 ? start : $"{start}.{new TestName(enclaves[i].Name, $"{i + 1}").ToFileName()}";
            foreach (ArtifactWriter writer in Writers)
            {
                if (Write(writer, enclaves[i], $"{name}.{writer.Extension}") is { } artifact)
                    artifacts.Add(artifact);
            }
        }

        return artifacts;
    }

    /// <summary>Names the files for the output of the test.</summary>
    public static string Describe(IReadOnlyList<Artifact> artifacts) => "---- artefacts ----\n" + string.Join('\n', artifacts) + "\n";

    private static Artifact? Write(ArtifactWriter writer, Enclave enclave, string path)
    {
        try
        {
            if (writer.Render(enclave) is not { } render)
                return null;
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using FileStream file = File.Create(path);
            render(file);
            return new Artifact(path, Problem: null);
        }
        catch (Exception exception)
        {
            return new Artifact(path, exception.Message);
        }
    }
}
