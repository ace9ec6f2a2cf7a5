using System.Text.Json;
using System.Text.Json.Nodes;

namespace EnclaveTesting;

/// <summary>What scripts can expect; each fails as soon as it is clear that it will not come.</summary>
internal static class ParentExpectation
{
    public static async Task BytesAsync(ParentPeer peer, ReadOnlyMemory<byte> expected, CancellationToken cancellationToken)
    {
        byte[] received = new byte[expected.Length];
        int count = 0;
        while (count < received.Length)
        {
            int read = await peer.ReadAsync(received.AsMemory(count), cancellationToken).ConfigureAwait(false);
            count += read;
            if (read == 0 || !received.AsSpan(0, count).SequenceEqual(expected.Span[..count]))
                throw Mismatch(Transcript.Describe(expected.Span, expected.Length), Transcript.Describe(received.AsSpan(0, count), count) + (read == 0 ? ", then the end" : ""));
        }
    }

    public static async Task LineAsync(ParentPeer peer, string expected, CancellationToken cancellationToken)
    {
        string? line = await peer.ReadLineAsync(cancellationToken).ConfigureAwait(false);
        if (line != expected)
            throw Mismatch($"the line \"{expected}\"", Quote(line));
    }

    public static async Task LineAsync(ParentPeer peer, Func<string, bool> predicate, string description, CancellationToken cancellationToken)
    {
        string? line = await peer.ReadLineAsync(cancellationToken).ConfigureAwait(false);
        if (line is null || !predicate(line))
            throw Mismatch($"a line {description}", Quote(line));
    }

    public static async Task LinesInAnyOrderAsync(ParentPeer peer, IReadOnlyList<string> expected, CancellationToken cancellationToken)
    {
        List<string> missing = [.. expected];
        while (missing.Count > 0)
        {
            string? line = await peer.ReadLineAsync(cancellationToken).ConfigureAwait(false);
            if (line is null || !missing.Remove(line))
                throw Mismatch("one of " + string.Join(", ", missing.Select(Quote)), Quote(line));
        }
    }

    public static async Task JsonAsync(ParentPeer peer, string expected, CancellationToken cancellationToken)
    {
        string? line = await peer.ReadLineAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (line is not null && JsonNode.DeepEquals(JsonNode.Parse(line), JsonNode.Parse(expected)))
                return;
        }
        catch (JsonException exception)
        {
            throw new ParentExpectationException($"Expected JSON {expected}, received {Quote(line)}: {exception.Message}", exception);
        }

        throw Mismatch($"JSON {expected}", Quote(line));
    }

    public static async Task EndAsync(ParentPeer peer, CancellationToken cancellationToken)
    {
        byte[] more = new byte[256];
        int count = await peer.ReadAsync(more, cancellationToken).ConfigureAwait(false);
        if (count > 0)
            throw Mismatch("no more", Transcript.Describe(more.AsSpan(0, count), count));
    }

    private static string Quote(string? line) => line is null ? "the end" : $"\"{line}\"";

    private static ParentExpectationException Mismatch(string expected, string received) => new($"Expected {expected}, received {received}.");
}
