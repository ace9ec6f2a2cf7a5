using EnclaveTesting.Engine.State;
using Microsoft.Extensions.Logging;

namespace EnclaveTesting;

/// <summary>
/// The saved enclaves of a process: a few in memory, ready to be cloned, behind them the user's cache on disk. Of those who want the same one, here
/// and in other processes, one boots and saves it; the others wait for it, within reason.
/// </summary>
internal sealed class SnapshotStore(Func<SnapshotCache?> findCache)
{
    private const int MostInMemory = 8;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Slot> _slots = [];
    private long _uses;

    /// <summary>The process's own.</summary>
    public static SnapshotStore Shared { get; } = new(SnapshotCache.FromEnvironment);

    /// <summary>Finds a saved enclave, or gives the right to save it.</summary>
    /// <param name="key">From <see cref="SnapshotKey"/>.</param>
    /// <param name="captures">Whether captured packets belong to it.</param>
    /// <param name="patience">How long to wait for another one who is about to save it.</param>
    /// <param name="log">Takes what went wrong with the cache.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<Turn> AcquireAsync(string key, bool captures, TimeSpan patience, ILogger log, CancellationToken cancellationToken)
    {
        Slot slot;
        lock (_lock)
        {
            if (!_slots.TryGetValue(key, out slot!))
                _slots[key] = slot = new Slot();
            slot.LastUse = ++_uses;
        }

        if (!await slot.Turn.WaitAsync(patience, cancellationToken).ConfigureAwait(false))
            return new Turn(this, null, key, null, log);
        var turn = new Turn(this, slot, key, findCache(), log);
        try
        {
            await turn.FindAsync(captures, patience, cancellationToken).ConfigureAwait(false);
            return turn;
        }
        catch
        {
            turn.Dispose();
            throw;
        }
    }

    private void ForgetOldest()
    {
        lock (_lock)
        {
            foreach (Slot slot in _slots.Values.Where(slot => slot.Saved is not null).OrderByDescending(slot => slot.LastUse).Skip(MostInMemory))
            {
                // Not under somebody who has just found it.
                if (!slot.Turn.Wait(0))
                    continue;
                slot.Saved?.Dispose();
                slot.Saved = null;
                slot.Turn.Release();
            }
        }
    }

    /// <summary>What one enclave found, until it is disposed; nobody else of this process has the same key meanwhile.</summary>
    internal sealed class Turn(SnapshotStore owner, Slot? slot, string key, SnapshotCache? cache, ILogger log) : IDisposable
    {
        private IDisposable? _fileLock;
        private bool _disposed;

        /// <summary>The saved enclave; not the caller's to dispose. Null if there is none.</summary>
        public EnclaveSnapshot? Found { get; private set; }

        /// <summary>Whether to save the enclave after its boot.</summary>
        public bool MaySave => slot is not null && Found is null;

        /// <summary>Keeps a booted enclave, in memory and on disk.</summary>
        public void Save(EnclaveSnapshot snapshot)
        {
            slot!.Saved?.Dispose();
            slot.Saved = snapshot;
            owner.ForgetOldest();
            try
            {
                snapshot.Machine.Attachment = snapshot.Record.ToBytes();
                cache?.Save(key, snapshot.Machine);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                SnapshotLog.NotSaved(log, cache!.Path, exception.Message);
            }
        }

        /// <summary>What was found is of no use: whoever boots now may save another one.</summary>
        public void Reject()
        {
            if (slot is null)
                return;
            slot.Saved?.Dispose();
            slot.Saved = null;
            Found = null;
            cache?.Remove(key);
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            if (_disposed)
                return;
            _disposed = true;
            _fileLock?.Dispose();
            slot?.Turn.Release();
        }

        internal async Task FindAsync(bool captures, TimeSpan patience, CancellationToken cancellationToken)
        {
            if ((Found = slot!.Saved) is not null || cache is null)
                return;
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(patience);
            try
            {
                while (!TryLoad(captures) && (_fileLock = cache.TryLock(key)) is null)
                    await Task.Delay(Look, deadline.Token).ConfigureAwait(false);
                // The one who had the lock may have saved it just before.
                if (Found is null)
                    TryLoad(captures);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // The other process takes too long; this one boots for itself.
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                SnapshotLog.NoCache(log, cache.Path, exception.Message);
            }
        }

        private bool TryLoad(bool captures)
        {
            MachineSnapshot? machine = null;
            try
            {
                machine = cache!.Load(key);
                if (machine is null)
                    return false;
                slot!.Saved = Found = new EnclaveSnapshot(machine, EnclaveRecord.Read(machine, captures));
                owner.ForgetOldest();
                return true;
            }
            catch (StateFormatException exception)
            {
                machine?.Dispose();
                cache!.Remove(key);
                SnapshotLog.Damaged(log, exception.Message);
                return false;
            }
        }
    }

    internal sealed class Slot
    {
        public SemaphoreSlim Turn { get; } = new(1, 1);

        public EnclaveSnapshot? Saved { get; set; }

        public long LastUse { get; set; }
    }
}
