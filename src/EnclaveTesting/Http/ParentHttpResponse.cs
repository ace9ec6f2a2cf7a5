using System.Text;
using System.Text.Json;

namespace EnclaveTesting;

/// <summary>An HTTP response from the parent to the enclave.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Body">The body.</param>
/// <param name="ContentType">The body's type.</param>
public sealed record ParentHttpResponse(int Status, ReadOnlyMemory<byte> Body = default, string ContentType = "application/octet-stream")
{
    /// <summary>More headers.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    /// <summary>A response with text.</summary>
    public static ParentHttpResponse OfText(string text, int status = 200) => new(status, Encoding.UTF8.GetBytes(text), "text/plain; charset=utf-8");

    /// <summary>A response with JSON.</summary>
    public static ParentHttpResponse OfJson<T>(T value, int status = 200, JsonSerializerOptions? options = null) =>
        new(status, JsonSerializer.SerializeToUtf8Bytes(value, options ?? JsonSerializerOptions.Web), "application/json");
}
