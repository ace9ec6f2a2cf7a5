using System.Globalization;
using System.Net;
using System.Text;

namespace EnclaveTesting;

/// <summary>
/// The server's side of HTTP/1.1 on a stream: bodies with a length or in chunks, Expect: 100-continue, connections that stay open.
/// What a peer can make it hold is bounded.
/// </summary>
internal sealed class HttpServerConnection(Stream stream, int maxBodySize)
{
    private const int MaxHeadSize = 64 * 1024;

    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _end;

    /// <summary>The next request; null if the peer has closed the connection, also in the middle of one.</summary>
    public async Task<ParentHttpRequest?> ReadRequestAsync(CancellationToken cancellationToken)
    {
        int budget = MaxHeadSize;
        string? line;
        do
        {
            // Blank lines before a request are skipped (RFC 9112 §2.2).
            (line, budget) = await ReadLineAsync(budget, cancellationToken).ConfigureAwait(false);
        }
        while (line is "");
        if (line is null)
            return null;

        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        string[] parts = line.Split(' ');
        if (parts is not [{ Length: > 0 } method, { Length: > 0 } target, "HTTP/1.1"])
            return Refuse($"\"{line}\" is no request of HTTP/1.1.");
        while (true)
        {
            (line, budget) = await ReadLineAsync(budget, cancellationToken).ConfigureAwait(false);
            if (line is null)
                return budget <= 0 ? Refuse("The headers are too long.") : null;
            if (line.Length == 0)
                break;
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon <= 0)
                return Refuse("A header has no colon.");
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }

        if (headers.TryGetValue("Expect", out string? expect) && expect.Equals("100-continue", StringComparison.OrdinalIgnoreCase))
            await stream.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n"u8.ToArray(), cancellationToken).ConfigureAwait(false);

        using var body = new MemoryStream();
        string? problem = headers.TryGetValue("Transfer-Encoding", out string? coding) && coding.Contains("chunked", StringComparison.OrdinalIgnoreCase)
            ? await ReadChunksAsync(body, cancellationToken).ConfigureAwait(false)
            : await ReadSizedAsync(body, headers.GetValueOrDefault("Content-Length", "0"), NumberStyles.None, cancellationToken).ConfigureAwait(false);
        if (problem is not null)
            return Refuse(problem);

        bool close = headers.TryGetValue("Connection", out string? connection) && connection.Contains("close", StringComparison.OrdinalIgnoreCase);
        return new ParentHttpRequest(method, target, headers, body.ToArray()) { KeepAlive = !close };
    }

    public async Task WriteResponseAsync(ParentHttpResponse response, bool keepAlive, CancellationToken cancellationToken)
    {
        var head = new StringBuilder();
        head.Append(CultureInfo.InvariantCulture, $"HTTP/1.1 {response.Status} {ReasonPhrase(response.Status)}\r\n");
        foreach ((string name, string value) in response.Headers)
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        head.Append(CultureInfo.InvariantCulture, $"Content-Type: {response.ContentType}\r\nContent-Length: {response.Body.Length}\r\nConnection: {(keepAlive ? "keep-alive" : "close")}\r\n\r\n");
        await stream.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(head.ToString()), .. response.Body.Span], cancellationToken).ConfigureAwait(false);
        await stream.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    // "BadRequest" -> "Bad Request"; nobody reads it but people.
    private static string ReasonPhrase(int status) =>
        string.Concat(((HttpStatusCode)status).ToString().Select((letter, i) => i > 0 && char.IsUpper(letter) ? $" {letter}" : letter.ToString()));

    private static ParentHttpRequest Refuse(string problem) => new("", "", new Dictionary<string, string>(), ReadOnlyMemory<byte>.Empty) { Problem = problem };

    private async Task<string?> ReadChunksAsync(MemoryStream body, CancellationToken cancellationToken)
    {
        while (true)
        {
            var (line, _) = await ReadLineAsync(MaxHeadSize, cancellationToken).ConfigureAwait(false);
            if (line is null)
                return "The body was cut off.";
            long before = body.Length;
            string size = line.Split(';')[0].Trim();
            if (await ReadSizedAsync(body, size, NumberStyles.AllowHexSpecifier, cancellationToken).ConfigureAwait(false) is { } problem)
                return problem;
            (line, _) = body.Length > before ? await ReadLineAsync(MaxHeadSize, cancellationToken).ConfigureAwait(false) : ("", 0);
            if (line is not "")
                return "A chunk does not end where it should.";
            if (body.Length == before)
                return await SkipTrailersAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<string?> SkipTrailersAsync(CancellationToken cancellationToken)
    {
        string? line;
        int budget = MaxHeadSize;
        do
            (line, budget) = await ReadLineAsync(budget, cancellationToken).ConfigureAwait(false);
        while (line is { Length: > 0 });
        return line is null ? "The body was cut off." : null;
    }

    private async Task<string?> ReadSizedAsync(MemoryStream body, string length, NumberStyles style, CancellationToken cancellationToken)
    {
        if (!int.TryParse(length, style, CultureInfo.InvariantCulture, out int remaining) || remaining < 0)
            return $"\"{length}\" is no size.";
        if (remaining > maxBodySize - body.Length)
            return $"The body is longer than {maxBodySize} bytes.";
        while (remaining > 0)
        {
            if (_start == _end && !await FillAsync(cancellationToken).ConfigureAwait(false))
                return "The body was cut off.";
            int count = Math.Min(remaining, _end - _start);
            body.Write(_buffer, _start, count);
            _start += count;
            remaining -= count;
        }

        return null;
    }

    /// <summary>A line without its end; null at the connection's end, or with a budget of 0 if the line is too long.</summary>
    private async Task<(string? Line, int Budget)> ReadLineAsync(int budget, CancellationToken cancellationToken)
    {
        var line = new StringBuilder();
        while (true)
        {
            while (_start < _end)
            {
                if (--budget <= 0)
                    return (null, 0);
                char letter = (char)_buffer[_start++];
                if (letter != '\n')
                {
                    line.Append(letter);
                    continue;
                }

                if (line.Length > 0 && line[^1] == '\r')
                    line.Length--;
                return (line.ToString(), budget);
            }

            if (!await FillAsync(cancellationToken).ConfigureAwait(false))
                return (null, budget);
        }
    }

    private async Task<bool> FillAsync(CancellationToken cancellationToken)
    {
        _start = 0;
        _end = await stream.ReadAsync(_buffer, cancellationToken).ConfigureAwait(false);
        return _end > 0;
    }
}
