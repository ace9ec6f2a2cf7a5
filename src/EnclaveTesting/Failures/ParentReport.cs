using System.Text;

namespace EnclaveTesting;

/// <summary>All that the parent of an enclave saw, as text: heartbeat, unmet expectations, each connection with what was received and sent.</summary>
internal static class ParentReport
{
    public static string Render(Enclave enclave)
    {
        ParentInstance parent = enclave.Parent;
        var text = new StringBuilder();
        text.Append($"The parent of {enclave}\n");
        text.Append(parent.HeartbeatAt is { } at ? $"Heartbeat: after {Text.Duration(at)}\n" : "Heartbeat: none came\n");
        text.Append(Problems(parent)).Append('\n');
        if (enclave.Reproduction is { } reproduction)
            text.Append($"Run: {reproduction}\n");
        IReadOnlyList<ParentConnection> connections = parent.Connections;
        text.Append($"Connections: {connections.Count}\n");
        foreach (ParentConnection connection in connections)
        {
            text.Append($"\n{connection}\n    from port {connection.GuestPort}, after {Text.Duration(connection.AcceptedAt)}\n");
            Append(text, "received", connection.Received, connection.ReceivedCount);
            Append(text, "sent", connection.Sent, connection.SentCount);
        }

        return text.ToString();
    }

    private static string Problems(ParentInstance parent)
    {
        // With no patience it looks once and does not wait.
        Task verified = parent.VerifyAllAsync(TimeSpan.Zero);
        try
        {
            verified.GetAwaiter().GetResult();
            return "Expectations: met";
        }
        catch (ParentExpectationException exception)
        {
            return "Expectations: " + exception.Message.TrimEnd('\n');
        }
    }

    private static void Append(StringBuilder text, string direction, byte[] first, long count)
    {
        if (count == 0)
            return;
        text.Append($"    {direction} {count} bytes{(count > first.Length ? $", the first {first.Length}" : "")}:\n");
        bool isText = first.AsSpan().IndexOfAnyExceptInRange((byte)0x20, (byte)0x7e) < 0 || first.All(value => value is >= 0x20 and < 0x7f or (byte)'\n' or (byte)'\r' or (byte)'\t');
        if (isText)
        {
            text.Append(Text.Indent(Text.Indent(Encoding.ASCII.GetString(first).ReplaceLineEndings("\n")))).Append('\n');
            return;
        }

        for (int i = 0; i < first.Length; i += 16)
        {
            ReadOnlySpan<byte> row = first.AsSpan(i, Math.Min(16, first.Length - i));
            text.Append($"        {i:x6}  {Convert.ToHexStringLower(row),-32}  ");
            foreach (byte value in row)
                text.Append(value is >= 0x20 and < 0x7f ? (char)value : '.');
            text.Append('\n');
        }
    }
}
