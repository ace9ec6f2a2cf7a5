using EnclaveTesting.Engine.Devices.Vsock;

namespace EnclaveTesting;

/// <summary>
/// Runs the scripts of a parent against what an enclave said to it during the boot that was saved. They do what they did then (expectations are met,
/// handlers and stubs see their requests), and they must say what they said then: else the saved enclave has heard something that this parent would not say.
/// </summary>
internal static class ParentRehearsal
{
    private const string Saved = "the enclave was saved while it was open";

    /// <summary>Plays all connections at once, as they may wait for each other.</summary>
    /// <returns>What does not fit; null if all does.</returns>
    public static async Task<string?> RunAsync(ParentInstance parent, VsockJournal journal, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(patience);
        List<Task<string?>> connections = [];
        foreach (VsockJournalEntry entry in journal.Entries)
        {
            var rehearsal = new VsockRehearsal(entry);
            if (!parent.TryReceive(rehearsal, out Task handled))
                return $"the parent no longer has port {entry.Key.HostPort}, to which the enclave connected";
            connections.Add(PlayAsync(entry, rehearsal, handled, deadline.Token));
        }

        foreach (Task<string?> connection in connections)
        {
            try
            {
                if (await connection.ConfigureAwait(false) is { } problem)
                    return problem;
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                return $"the parent did not say within {Text.Duration(patience)} what it said when the enclave was saved";
            }
        }

        return null;
    }

    private static async Task<string?> PlayAsync(VsockJournalEntry entry, VsockRehearsal rehearsal, Task handled, CancellationToken cancellationToken)
    {
        foreach ((bool fromGuest, MemoryStream bytes) in entry.Turns)
        {
            ReadOnlyMemory<byte> turn = bytes.GetBuffer().AsMemory(0, (int)bytes.Length);
            if (fromGuest)
                rehearsal.Say(turn.Span);
            else if (!await rehearsal.HearAsync(turn, cancellationToken).ConfigureAwait(false))
                return $"port {entry.Key.HostPort} of the parent no longer answers {Transcript.Describe(turn.Span, turn.Length)}";
        }

        if (entry.GuestEnded)
            rehearsal.EndSaying();
        if (entry.HostEnded && !await rehearsal.HearEndAsync(cancellationToken).ConfigureAwait(false))
            return $"port {entry.Key.HostPort} of the parent says more than it did when the enclave was saved";
        if (entry.HostEnded && rehearsal.IsReset)
            return $"port {entry.Key.HostPort} of the parent resets a connection that it ended in order when the enclave was saved";
        if (entry.HostReset)
        {
            await handled.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (!rehearsal.IsReset)
                return $"port {entry.Key.HostPort} of the parent no longer resets a connection that it reset when the enclave was saved";
        }

        if (!entry.IsOver)
        {
            rehearsal.Close(Saved);
            return null;
        }

        // What had come to its end does so here too, before the enclave goes on.
        if (entry.GuestEnded && entry.HostEnded)
            await handled.WaitAsync(cancellationToken).ConfigureAwait(false);
        rehearsal.Close(entry.GuestEnded || entry.HostEnded || entry.HostReset ? null : "it was reset");
        return null;
    }
}
