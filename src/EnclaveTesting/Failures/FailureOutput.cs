namespace EnclaveTesting;

/// <summary>What an adapter adds to the output of a failed test, and the files that belong to it.</summary>
/// <param name="Text">For the test's output; empty if the test has no enclave.</param>
/// <param name="Artifacts">The files.</param>
internal sealed record FailureOutput(string Text, IReadOnlyList<Artifact> Artifacts)
{
    /// <summary>Writes the files about the enclaves of a failed test and says what there is to know.</summary>
    /// <param name="enclaves">Those of the test's fixtures; null ones, which were never built, are left out. What the test started itself comes after them.</param>
    /// <param name="test">The test.</param>
    public static FailureOutput For(IEnumerable<Enclave?> enclaves, TestName test)
    {
        Enclave[] all = [.. enclaves.OfType<Enclave>().Concat(TestEnclaves.Started).Distinct()];
        if (all.Length == 0)
            return new FailureOutput("", []);
        IReadOnlyList<Artifact> artifacts = FailureArtifacts.Write(all, test);
        return new FailureOutput(string.Concat(all.Select(FailureReport.Render)) + FailureArtifacts.Describe(artifacts), artifacts);
    }
}
