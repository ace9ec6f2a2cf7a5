using System.Diagnostics;

namespace EnclaveTesting.Engine.Machine;

/// <summary>
/// What the host's programs do for one machine, as far as a machine in virtual time must know it: whether one of them still works on what the
/// guest sent, and whether one waits for the guest. Thread-safe; allocates nothing for what happens often.
/// </summary>
internal sealed class HostActivity
{
    /// <summary>How long a test that got what it waited for has to do the next thing before it counts as busy elsewhere.</summary>
    public static readonly TimeSpan ReactionTime = TimeSpan.FromMilliseconds(100);

    private int _working, _reacting, _waiting, _outside, _turn;
    private long _reactingSince;

    /// <summary>Called after a change that a machine may wait for; set by machines in virtual time, the others follow nothing.</summary>
    public Action? Changed { get; set; }

    /// <summary>Whether anybody wants to know.</summary>
    public bool IsFollowed => Changed is not null;

    /// <summary>Whether a program has something to do that the guest may be waiting for.</summary>
    public bool IsWorking => Volatile.Read(ref _working) > 0;

    /// <summary>Whether a test has got something and has done nothing since.</summary>
    public bool IsReacting => Volatile.Read(ref _reacting) > 0 || Volatile.Read(ref _turn) != 0;

    /// <summary>Whether somebody waits for the guest.</summary>
    public bool IsAwaited => Volatile.Read(ref _waiting) > 0;

    /// <summary>Whether something outside this process has its part in what the guest gets.</summary>
    public bool DependsOnOutside => Volatile.Read(ref _outside) > 0;

    /// <summary>
    /// Whether time in which nothing happens is nobody's time: somebody waits for the guest, and nobody on the host has anything to do or
    /// depends on the world outside. Read before looking for the host's work: who begins to wait has left his work before.
    /// </summary>
    public bool AllowsSkipping => IsAwaited && !IsWorking && !DependsOnOutside && ReactionLeft() == TimeSpan.Zero;

    /// <summary>How long the tests that just got something are still given to react.</summary>
    public TimeSpan ReactionLeft()
    {
        if (!IsReacting)
            return TimeSpan.Zero;
        TimeSpan left = ReactionTime - Stopwatch.GetElapsedTime(Volatile.Read(ref _reactingSince));
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>A program has something to do.</summary>
    public void BeginWork() => Interlocked.Increment(ref _working);

    /// <summary>It has done it, or waits for the guest.</summary>
    public void EndWork()
    {
        if (Interlocked.Decrement(ref _working) == 0)
            Changed?.Invoke();
    }

    /// <summary>A test at a connection got what it waited for.</summary>
    public void BeginReaction()
    {
        Volatile.Write(ref _reactingSince, Stopwatch.GetTimestamp());
        Interlocked.Increment(ref _reacting);
    }

    /// <summary>It waits again, or has left.</summary>
    public void EndReaction()
    {
        if (Interlocked.Decrement(ref _reacting) == 0)
            Changed?.Invoke();
    }

    /// <summary>A test that holds no connection was told something; whatever the host does next is the answer.</summary>
    public void BeginTurn()
    {
        Volatile.Write(ref _reactingSince, Stopwatch.GetTimestamp());
        Volatile.Write(ref _turn, 1);
    }

    /// <summary>The host has done something.</summary>
    public void EndTurn() => Volatile.Write(ref _turn, 0);

    /// <summary>What the test does next is to wait again.</summary>
    public void EndTurnByWaiting()
    {
        BeginWait();
        EndTurn();
        Changed?.Invoke();
    }

    /// <summary>Somebody waits for the guest, and has left all that he wants the guest to get.</summary>
    public void BeginWait()
    {
        if (Interlocked.Increment(ref _waiting) == 1)
            Changed?.Invoke();
    }

    /// <summary>He waits no more; if he has something to do now, that was begun before.</summary>
    public void EndWait() => Interlocked.Decrement(ref _waiting);

    /// <summary>Something outside this process has its part in what the guest gets: until the scope is disposed no time is skipped.</summary>
    public IDisposable DependOnOutside()
    {
        Interlocked.Increment(ref _outside);
        return new OutsideScope(this);
    }

    private sealed class OutsideScope(HostActivity activity) : IDisposable
    {
        private int _disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0 && Interlocked.Decrement(ref activity._outside) == 0)
                activity.Changed?.Invoke();
        }
    }
}
