using System.Text;
using System.Text.Json;

namespace EnclaveTesting;

/// <summary>An HTTP request from the enclave to its parent.</summary>
/// <param name="Method">GET, POST and so on.</param>
/// <param name="Target">Path and query as they were sent.</param>
/// <param name="Headers">By name, whatever its case; the last of several of a name.</param>
/// <param name="Body">The body.</param>
public sealed record ParentHttpRequest(string Method, string Target, IReadOnlyDictionary<string, string> Headers, ReadOnlyMemory<byte> Body)
{
    /// <summary>The target without its query.</summary>
    public string Path => Target.Split('?', 2)[0];

    /// <summary>The body as UTF-8.</summary>
    public string Text => Encoding.UTF8.GetString(Body.Span);

    /// <summary>Whether more may follow on the connection.</summary>
    internal bool KeepAlive { get; init; }

    /// <summary>Why it is no proper request; null if it is one.</summary>
    internal string? Problem { get; init; }

    /// <summary>The body as JSON.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public T? Json<T>(JsonSerializerOptions? options = null) => JsonSerializer.Deserialize<T>(Body.Span, options ?? JsonSerializerOptions.Web);

    /// <summary>The request line and the first bytes of the body.</summary>
    public override string ToString() => $"{Method} {Target}{(Body.IsEmpty ? "" : " " + Transcript.Describe(Body.Span, Body.Length))}";
}
