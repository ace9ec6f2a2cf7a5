using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>One connection in a <see cref="VsockJournal"/>.</summary>
internal sealed record VsockJournalEntry
{
    public VsockKey Key { get; set; }

    /// <summary>What was said, in turns.</summary>
    public List<(bool FromGuest, MemoryStream Bytes)> Turns { get; private set; } = [];

    /// <summary>Whether the enclave had said that it sends no more.</summary>
    public bool GuestEnded { get; set; }

    /// <summary>Whether it had been told the same of the parent.</summary>
    public bool HostEnded { get; set; }

    /// <summary>Whether the parent had reset it.</summary>
    public bool HostReset { get; set; }

    /// <summary>Whether it was over.</summary>
    public bool IsOver { get; set; }

    public void Add(bool fromGuest, ReadOnlySpan<byte> bytes)
    {
        if (Turns.Count == 0 || Turns[^1].FromGuest != fromGuest)
            Turns.Add((fromGuest, new MemoryStream()));
        Turns[^1].Bytes.Write(bytes);
    }

    public void Exchange(StateArchive archive, int mostTurns, int longest)
    {
        Key = archive.Value(Key);
        GuestEnded = archive.Flag(GuestEnded);
        HostEnded = archive.Flag(HostEnded);
        HostReset = archive.Flag(HostReset);
        IsOver = archive.Flag(IsOver);
        Turns = archive.List<(bool FromGuest, MemoryStream Bytes)>(Turns, mostTurns, turn =>
        {
            bool fromGuest = archive.Flag(turn.FromGuest);
            byte[] bytes = archive.Array(turn.Bytes?.ToArray() ?? [], longest, "bytes");
            return (fromGuest, new MemoryStream(bytes, 0, bytes.Length, writable: false, publiclyVisible: true));
        });
    }
}
