namespace EnclaveTesting;

/// <summary>A file that was written about a failed test, or could not be.</summary>
/// <param name="Path">The file.</param>
/// <param name="Problem">Why it could not be written; null if it was.</param>
internal sealed record Artifact(string Path, string? Problem)
{
    public override string ToString() => Problem is null ? Path : $"{Path} could not be written: {Problem}";
}
