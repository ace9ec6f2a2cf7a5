using System.Text;

namespace EnclaveTesting;

/// <summary>What can be asserted about what an enclave did at its parent.</summary>
internal static class ParentFindings
{
    public static Finding<ParentConnection?> Received(ParentInstance parent, uint port, string text) =>
        Received(parent, port, Encoding.UTF8.GetBytes(text));

    public static Finding<ParentConnection?> Received(ParentInstance parent, uint port, ReadOnlyMemory<byte> bytes)
    {
        IReadOnlyList<ParentConnection> connections = parent.ConnectionsTo(port);
        ParentConnection? found = connections.FirstOrDefault(connection => connection.Received.AsSpan().IndexOf(bytes.Span) >= 0);
        string? seen = found is not null ? null
            : connections.Count == 0 ? "nobody connected to that port"
            : connections.Count == 1 ? "the one connection to it brought something else"
            : $"none of the {connections.Count} connections to it brought that";
        return Of(parent, found, $"the parent to have received {Transcript.Describe(bytes.Span, bytes.Length)} on port {port}", seen);
    }

    public static Finding<IReadOnlyList<ParentConnection>> Connections(ParentInstance parent, uint port, int count)
    {
        IReadOnlyList<ParentConnection> connections = parent.ConnectionsTo(port);
        return Of(parent, connections, $"the parent to have had {(count == 1 ? "1 connection" : $"{count} connections")} to port {port}",
            connections.Count == count ? null : connections.Count == 0 ? "nobody connected" : connections.Count == 1 ? "1 came" : $"{connections.Count} came");
    }

    public static async Task<Finding<ParentInstance>> ExpectationsAsync(ParentInstance parent, TimeSpan? patience)
    {
        string? problems = null;
        try
        {
            await parent.VerifyAllAsync(patience).ConfigureAwait(false);
        }
        catch (ParentExpectationException exception)
        {
            problems = exception.Message;
        }

        Finding<ParentInstance> finding = Of(parent, parent, "the enclave to have done what its parent expects", problems is null ? null : "it did not");
        return problems is null ? finding : finding with { Evidence = problems.TrimEnd('\n') + "\n" + finding.Evidence };
    }

    private static Finding<T> Of<T>(ParentInstance parent, T value, string expected, string? seen) => new(value, expected, seen, seen is null ? "" : Evidence.Of(parent));
}
