using System.Text;

namespace EnclaveTesting;

/// <summary>What a test is called in the names of its artefacts.</summary>
/// <param name="Class">The test class without its namespace.</param>
/// <param name="Method">The test method.</param>
/// <param name="Arguments">What tells the runs of a parameterised test apart.</param>
internal readonly record struct TestName(string Class, string Method, IReadOnlyList<object?>? Arguments = null)
{
    private const int MaximumLength = 150;

    /// <summary>The start of a file's name: <c>Class.Method</c> or <c>Class.Method(1, two)</c>, without what no file system may have.</summary>
    public string ToFileName()
    {
        string name = $"{Class}.{Method}{(Arguments is { Count: > 0 } ? $"({string.Join(", ", Arguments.Select(argument => argument ?? "null"))})" : "")}";
        var text = new StringBuilder(name.Length);
        foreach (char c in name.AsSpan(0, Math.Min(name.Length, MaximumLength)))
            text.Append(c < ' ' || "\"<>|:*?\\/".Contains(c, StringComparison.Ordinal) ? '-' : c);
        return text.ToString();
    }
}
