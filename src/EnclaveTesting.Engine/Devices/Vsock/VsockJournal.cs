using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>
/// What an enclave has said to its parent and heard from it on the connections that it opened, byte for byte as its own memory has it. Bounded:
/// too long a journal is given up. The machine writes it; it is read while the machine stands still.
/// </summary>
internal sealed class VsockJournal
{
    private const int Limit = 16 << 20, MostConnections = 4096, MostTurns = 65_536;

    private readonly Dictionary<VsockKey, VsockJournalEntry> _open = [];
    private readonly List<VsockJournalEntry> _entries = [];
    private long _size;
    private bool _sealed;

    /// <summary>The connections, oldest first.</summary>
    public IReadOnlyList<VsockJournalEntry> Entries => _entries;

    /// <summary>Whether it has everything; else it is of no use.</summary>
    public bool IsComplete { get; private set; } = true;

    /// <summary>From here on nothing is written down any more.</summary>
    public void Seal()
    {
        _sealed = true;
        _open.Clear();
    }

    /// <summary>The enclave opened a connection to a port that the parent has.</summary>
    public void Opened(VsockKey key)
    {
        if (_sealed || !IsComplete)
            return;
        if (!Grow(1) || _entries.Count == MostConnections)
        {
            GiveUp();
            return;
        }

        var entry = new VsockJournalEntry { Key = key };
        _entries.Add(entry);
        _open[key] = entry;
    }

    /// <summary>Bytes came from the enclave, or went to it.</summary>
    public void Said(VsockKey key, bool fromGuest, ReadOnlySpan<byte> bytes)
    {
        if (!IsComplete || bytes.IsEmpty || !_open.TryGetValue(key, out VsockJournalEntry? entry))
            return;
        if (!Grow(bytes.Length) || entry.Turns.Count == MostTurns)
            GiveUp();
        else
            entry.Add(fromGuest, bytes);
    }

    /// <summary>The enclave sends no more on a connection.</summary>
    public void GuestEnded(VsockKey key)
    {
        if (_open.TryGetValue(key, out VsockJournalEntry? entry))
            entry.GuestEnded = true;
    }

    /// <summary>The enclave was told that the parent sends no more.</summary>
    public void HostEnded(VsockKey key)
    {
        if (_open.TryGetValue(key, out VsockJournalEntry? entry))
            entry.HostEnded = true;
    }

    /// <summary>The enclave was told that the parent has reset a connection.</summary>
    public void HostReset(VsockKey key)
    {
        if (_open.TryGetValue(key, out VsockJournalEntry? entry))
            entry.HostReset = true;
    }

    /// <summary>A connection is over.</summary>
    public void Closed(VsockKey key)
    {
        if (_open.Remove(key, out VsockJournalEntry? entry))
            entry.IsOver = true;
    }

    /// <summary>Saves the journal, or restores one.</summary>
    public void Exchange(StateArchive archive)
    {
        List<VsockJournalEntry> entries = archive.List<VsockJournalEntry>(_entries, MostConnections, entry =>
        {
            entry ??= new VsockJournalEntry();
            entry.Exchange(archive, MostTurns, Limit);
            return entry;
        });
        if (!archive.IsReading)
            return;
        _entries.Clear();
        _entries.AddRange(entries);
    }

    private bool Grow(int bytes) => (_size += bytes) <= Limit;

    private void GiveUp()
    {
        IsComplete = false;
        _open.Clear();
        _entries.Clear();
    }
}
