using System.Diagnostics;
using EnclaveTesting.Engine.Accelerators;
using EnclaveTesting.Engine.Devices.Vsock;
using EnclaveTesting.Engine.Eif;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting;

/// <content>Boot once, clone in milliseconds.</content>
public sealed partial class Enclave
{
    // A connection that the enclave has opened, or the host has left, is given this long to end before it is lost to a clone, and the parent's scripts this long to see
    // what has come to its end; some never look.
    private static readonly TimeSpan ShortWhile = TimeSpan.FromMilliseconds(100), LongWhile = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan LongestRehearsal = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Makes another enclave of this one as it stands, running and ready: with its memory, of which both share what neither writes, its console and its
    /// parent's records. Connections that are open are lost to the clone. Its time of day and its random instructions are its own, except in virtual time
    /// or with a seed, where it goes on exactly as this one does.
    /// </summary>
    /// <returns>The clone, the caller's to dispose.</returns>
    /// <exception cref="InvalidOperationException">The enclave is not ready yet, or has ended.</exception>
    /// <exception cref="EnclaveTimeoutException">Its heartbeat is still being answered.</exception>
    public async Task<Enclave> CloneAsync(CancellationToken cancellationToken = default)
    {
        if (!_ready)
            throw new InvalidOperationException($"{Name} cannot be cloned before it is ready: wait for {nameof(StartAsync)}, or clone it in {nameof(EnclaveBuilder.AfterStart)}.");
        using EnclaveSnapshot snapshot = await CaptureAsync(new VsockJournal(), OperationTimeout, cancellationToken).ConfigureAwait(false);
        // In virtual time it stands still meanwhile, and then waits for what the test does next.
        HostActivity host = Machine.Host;
        host.BeginWork();
        try
        {
            return await StartCloneAsync(snapshot, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            host.BeginTurn();
            host.EndWork();
        }
    }

    /// <summary>Whether it went on from a saved boot.</summary>
    internal bool WasRestored { get; private set; }

    /// <summary>Keeps the enclave as it is, at a moment at which a clone can go on from there.</summary>
    internal async Task<EnclaveSnapshot> CaptureAsync(VsockJournal journal, TimeSpan patience, CancellationToken cancellationToken)
    {
        long begin = Stopwatch.GetTimestamp();
        EnclaveRecord? record = null;
        ParentMemory? memory = null;
        long? settled = null;
        bool IsRight(VsockDevice vsock)
        {
            // An enclave that loses its heartbeat gives up.
            if (_script.HeartbeatBehaviour.IsAnswered && vsock.IsCalling(Heartbeat.Port))
                return false;
            bool isCalling = vsock.IsCalling() || vsock.IsClosing, isCaughtUp = Parent.IsCaughtUp;
            if (!isCalling && isCaughtUp)
                return true;
            // An enclave in virtual time that waits for scripts and tests has not had its time yet.
            if (Machine.Time == MachineTime.Virtual && (Machine.Host.IsWorking || Machine.Host.ReactionLeft() > TimeSpan.Zero) && Stopwatch.GetElapsedTime(begin) < LongWhile)
                return false;
            TimeSpan since = Stopwatch.GetElapsedTime(settled ??= Stopwatch.GetTimestamp());
            return (since > ShortWhile || !isCalling) && (since > LongWhile || isCaughtUp);
        }

        while (true)
        {
            TimeSpan waited = Stopwatch.GetElapsedTime(begin);
            MachineSnapshot? machine;
            try
            {
                machine = await Machine.TryCaptureAsync(
                    IsRight,
                    _ =>
                    {
                        journal.Seal();
                        record = EnclaveRecord.Of(Console, journal, Capture);
                        memory = Parent.Remember();
                    }).ConfigureAwait(false);
            }
            catch (InvalidOperationException) when (Exited.IsCompletedSuccessfully)
            {
                VmExit exit = await Exited.ConfigureAwait(false);
                throw new InvalidOperationException($"{Name} does not run any more and cannot be cloned ({exit.Reason}: {exit.Detail})");
            }

            if (machine is not null)
                return new EnclaveSnapshot(machine, record!) { Parent = memory };
            if (waited > patience)
                throw new EnclaveTimeoutException($"the end of {Name}'s heartbeat", patience, Console.Log.Tail());
            await Task.Delay(1, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Makes a running enclave of one that was kept.</summary>
    internal async Task<Enclave> StartCloneAsync(EnclaveSnapshot snapshot, CancellationToken cancellationToken)
    {
        var clone = new Enclave(_options, _script, snapshot);
        await clone.StartAsync(cancellationToken).ConfigureAwait(false);
        return clone;
    }

    private async Task<SnapshotStore.Turn> FindSavedAsync(EifImage image, BootProgress progress, CancellationToken cancellationToken)
    {
        progress.Doing("looking for a saved boot, or waiting for one that goes on elsewhere");
        Accelerator accelerator = AcceleratorChoice.Resolve(_options.Accelerator, _options.Time, _options.CpuTemplate).Accelerator.Kind;
        string key = await Task.Run(() => SnapshotKey.Of(image, _options, _script, accelerator), cancellationToken).ConfigureAwait(false);
        return await _options.SnapshotStore.AcquireAsync(key, Capture is not null, _options.StartupTimeout, _log, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The saved machine, with all that its boot has left here; null if the enclave has to boot.</summary>
    private async Task<MicroVm?> TryRestoreAsync(SnapshotStore.Turn turn, BootProgress progress, CancellationToken cancellationToken)
    {
        if (turn.Found is { } found)
        {
            progress.Doing("going on from a saved boot");
            MachineDescription saved = found.Machine.Description;
            _lease = await _options.Capacity.AcquireAsync(saved.Cpus, EnclaveCapacity.MemoryOfClone(saved.MemoryBytes), cancellationToken).ConfigureAwait(false);
            if (await TryRestoreAsync(found, cancellationToken).ConfigureAwait(false) is { } machine)
            {
                turn.Dispose();
                return machine;
            }

            _lease.Dispose();
            turn.Reject();
        }

        _journal = turn.MaySave ? new VsockJournal() : null;
        return null;
    }

    private async Task<MicroVm?> TryRestoreAsync(EnclaveSnapshot found, CancellationToken cancellationToken)
    {
        MicroVm? machine = null;
        string? problem;
        bool damaged = false;
        try
        {
            machine = await Task.Run(() => MicroVm.Restore(found.Machine, MachineOptions()), cancellationToken).ConfigureAwait(false);
            Parent.Begin(machine);
            problem = await ParentRehearsal.RunAsync(Parent, found.Record.Journal, Shorter(_options.StartupTimeout, LongestRehearsal), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is StateFormatException or ArgumentException or GuestMemoryException or AcceleratorUnavailableException or ObjectDisposedException or IOException)
        {
            problem = exception.Message;
            damaged = exception is StateFormatException;
        }
        catch
        {
            if (machine is not null)
                await machine.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        if (problem is null)
        {
            WasRestored = true;
            Recall(found.Record);
            return machine;
        }

        if (damaged)
            SnapshotLog.Damaged(_log, problem);
        else
            SnapshotLog.Rejected(_log, Name, problem);
        if (machine is not null)
            await machine.DisposeAsync().ConfigureAwait(false);
        // What the scripts have done so far was for nothing.
        await Parent.StopAsync().ConfigureAwait(false);
        Parent = new ParentInstance(_script, this);
        Console.Restore([], -1);
        return null;
    }

    private async Task<MicroVm> CloneMachineAsync(EnclaveSnapshot original, CancellationToken cancellationToken)
    {
        long memory = EnclaveCapacity.MemoryOfClone(original.Machine.Description.MemoryBytes);
        _lease = await _options.Capacity.AcquireAsync(0, memory, cancellationToken).ConfigureAwait(false);
        MicroVm machine = await Task.Run(() => MicroVm.Restore(original.Machine, MachineOptions()), cancellationToken).ConfigureAwait(false);
        try
        {
            Parent.Begin(machine);
            Parent.Recall(original.Parent!);
            Recall(original.Record);
        }
        catch
        {
            await machine.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        _original = null;
        return machine;
    }

    private void Recall(EnclaveRecord record)
    {
        Console.Restore(record.Console, record.BootEnd);
        if (record.Capture is { } packets)
            Capture?.TakeOver(packets);
    }

    private async Task SaveAsync(BootProgress progress, SnapshotStore.Turn turn, CancellationToken cancellationToken)
    {
        await WaitUntilReadyAsync(_options.SnapshotAfter!, progress, cancellationToken).ConfigureAwait(false);
        try
        {
            if (!_journal!.IsComplete)
                SnapshotLog.NotCaptured(_log, Name, "it has said more to its parent than can be kept.");
            else
                turn.Save(await CaptureAsync(_journal, _options.StartupTimeout, cancellationToken).ConfigureAwait(false));
        }
        catch (Exception exception) when (exception is InvalidOperationException or NotSupportedException or GuestMemoryException or IOException or EnclaveTimeoutException)
        {
            SnapshotLog.NotCaptured(_log, Name, exception.Message);
        }
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
