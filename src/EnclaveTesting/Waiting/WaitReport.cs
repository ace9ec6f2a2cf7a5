using System.Text;

namespace EnclaveTesting;

/// <summary>What each of several waits has seen so far.</summary>
internal sealed class WaitReport
{
    private readonly Lock _lock = new();
    private readonly List<WaitEntry> _entries = [];

    public WaitEntry Add(string awaited)
    {
        var entry = new WaitEntry(awaited);
        lock (_lock)
            _entries.Add(entry);
        return entry;
    }

    /// <summary>One line for each.</summary>
    public override string ToString()
    {
        lock (_lock)
        {
            var text = new StringBuilder("Awaited:");
            foreach (WaitEntry entry in _entries)
                text.Append("\n    ").Append(entry.IsDone ? "[came]    " : "[missing] ").Append(entry.Awaited).Append(entry.Seen.Length == 0 ? "" : ": " + entry.Seen);
            return text.ToString();
        }
    }
}
