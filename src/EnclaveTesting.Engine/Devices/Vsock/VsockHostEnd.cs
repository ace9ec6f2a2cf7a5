using EnclaveTesting.Engine.Machine;

namespace EnclaveTesting.Engine.Devices.Vsock;

/// <summary>
/// Whether the host's program at the end of a connection waits for the enclave or has something to do: what a machine in virtual time needs to
/// know. A script of the parent has something to do whenever it does not wait. A client (a test) has from when it gets what it waited for until
/// that has reached it, and then only for a short while, after which it is taken to be busy elsewhere.
/// </summary>
internal sealed class VsockHostEnd(HostActivity activity, bool isScripts)
{
    private enum Busy
    {
        No,
        Working,
        Reacting,
    }

    private bool _begun, _left, _parked, _connects, _reads, _writes, _readIsAwaited;
    private Busy _busy;

    /// <summary>Held while an operation begins or is completed, so that what is noted here is what the pipes know.</summary>
    public Lock Lock { get; } = new();

    /// <summary>Whether a machine wants to know any of it.</summary>
    public bool IsFollowed => activity.IsFollowed;

    /// <summary>Whether somebody waits for the enclave while a read of the connection does.</summary>
    public bool ReadsAreAwaited { get; set; }

    private bool Waits => _left || _connects || _reads || _writes || _parked;

    /// <summary>The connection has come to the host.</summary>
    public void Begin()
    {
        lock (Lock)
        {
            _begun = true;
            Update();
        }
    }

    /// <summary>A client waits for its connection, or waits no more.</summary>
    public void Connects(bool waits)
    {
        lock (Lock)
        {
            if (_connects != waits)
                Set(ref _connects, waits, isAwaited: true);
        }
    }

    /// <summary>The host's program has left.</summary>
    public void Leave()
    {
        lock (Lock)
        {
            _left = true;
            // What a test does next may well be another connection.
            if (!isScripts && _busy != Busy.No)
                activity.BeginTurn();
            Update();
        }
    }

    /// <summary>A script that waits on purpose for something else than the enclave's bytes says so.</summary>
    public void Park(bool parked)
    {
        lock (Lock)
        {
            _parked = parked;
            Update();
        }
    }

    /// <summary>An operation that waited has come back, however it ended.</summary>
    public void Resumed(bool fromRead)
    {
        if (!IsFollowed)
            return;
        lock (Lock)
        {
            if (fromRead)
                Reads(false);
            else
                Writes(false);
            if (!isScripts && _busy == Busy.Working)
                Change(Busy.Reacting);
        }
    }

    /// <summary>A read waits, or waits no more. Under the lock.</summary>
    public void Reads(bool waits)
    {
        if (_reads == waits)
            return;
        if (waits)
            _readIsAwaited = ReadsAreAwaited;
        Set(ref _reads, waits, _readIsAwaited);
    }

    /// <summary>A write waits for room, or waits no more. Under the lock.</summary>
    public void Writes(bool waits)
    {
        if (_writes != waits)
            Set(ref _writes, waits, isAwaited: true);
    }

    private void Set(ref bool operation, bool waits, bool isAwaited)
    {
        operation = waits;
        // What is to be done counts before the wait has ended, and until it has begun.
        if (waits)
        {
            if (isAwaited)
                activity.BeginWait();
            Update();
            return;
        }

        if (!isScripts && !Waits)
            Change(Busy.Working);
        else
            Update();
        if (isAwaited)
            activity.EndWait();
    }

    private void Update()
    {
        if (Waits)
            Change(Busy.No);
        else if (isScripts)
            Change(_begun ? Busy.Working : Busy.No);
    }

    private void Change(Busy busy)
    {
        if (busy == _busy)
            return;
        Busy before = _busy;
        _busy = busy;
        if (busy == Busy.Working)
            activity.BeginWork();
        else if (busy == Busy.Reacting)
            activity.BeginReaction();
        if (before == Busy.Working)
            activity.EndWork();
        else if (before == Busy.Reacting)
            activity.EndReaction();
    }
}
