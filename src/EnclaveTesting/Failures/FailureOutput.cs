namespace EnclaveTesting;

/// <summary>What an adapter adds to the output of a failed test, and the files that belong to it.</summary>
/// <param name="Text">For the test's output; empty if the test has no enclave.</param>
/// <param name="Artifacts">The files.</param>
internal sealed record FailureOutput(string Text, IReadOnlyList<Artifact> Artifacts)
{
    /// <summary>Writes the files about the enclaves of a failed test and says what there is to know.</summary>
    /// <param name="enclaves">The test's enclaves; null ones, which were never built, are left out.</param>
    /// <param name="test">The test.</param>
    public static FailureOutput For(IEnumerable<Enclave?> enclaves, TestName test)
    {
        Enclave[] all = [.. enclaves.OfType<Enclave>().Distinct()];
        if (all.Length == 0)
            return new FailureOutput("", []);
        IReadOnlyList<Artifact> artifacts = FailureArtifacts.Write(all, test);
        return new FailureOutput(string.Concat(all.Select(FailureReport.Render)) + FailureArtifacts.Describe(artifacts), artifacts);
    }
}
