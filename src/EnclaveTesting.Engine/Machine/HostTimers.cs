using System.Collections.Concurrent;
using EnclaveTesting.Engine.Accelerators.Software.Chipset;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Machine.Recording;

namespace EnclaveTesting.Engine.Machine;

/// <summary>Lets programs of the host wait for a time to pass in a machine in virtual time, as a timer of a device does.</summary>
internal sealed class HostTimers : IDeviceWorker
{
    private const ulong NanosecondsPerTick = 100;

    private readonly MachineClock _clock;
    private readonly HostActivity _activity;
    private readonly IMachineWaker _waker;
    private readonly MachineJournal? _journal;
    private readonly MachineTimer _timer;
    private readonly ConcurrentQueue<Delay> _requests = [];
    private readonly List<(ulong Deadline, Delay? Delay)> _waiting = [];

    public HostTimers(MachineClock clock, HostActivity activity, IMachineWaker waker, MachineJournal? journal)
    {
        _clock = clock;
        _activity = activity;
        _waker = waker;
        _journal = journal;
        _timer = clock.AddTimer(Expire);
    }

    /// <summary>Waits until a time has passed in the machine.</summary>
    /// <param name="time">The time.</param>
    /// <param name="isAwaited">Whether somebody waits for the guest meanwhile.</param>
    /// <param name="waits">Told true when the machine knows of the wait and false when it is over, before anything else goes on.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task DelayAsync(TimeSpan time, bool isAwaited, Action<bool>? waits, CancellationToken cancellationToken)
    {
        // Three centuries are for ever.
        var delay = new Delay((ulong)Math.Clamp(time.Ticks, 0, long.MaxValue / (long)NanosecondsPerTick) * NanosecondsPerTick, isAwaited);
        _requests.Enqueue(delay);
        _activity.EndTurn();
        _waker.Wake();
        if (isAwaited)
            _activity.BeginWait();
        waits?.Invoke(true);
        try
        {
            await delay.Passed.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            waits?.Invoke(false);
            _activity.BeginTurn();
            if (!delay.Abandon())
                _activity.EndWork();
            else if (isAwaited)
                _activity.EndWait();
        }
    }

    /// <inheritdoc/>
    public void DoHostWork()
    {
        if (_journal is MachinePlayer player)
        {
            while (player.TryTakeDelay(out ulong deadline))
                _waiting.Add((deadline, null));
        }

        while (_requests.TryDequeue(out Delay? delay))
        {
            ulong deadline = _clock.Now + delay.Nanoseconds;
            (_journal as MachineRecorder)?.Delay(deadline);
            _waiting.Add((deadline, delay));
        }

        Arm();
    }

    private void Expire()
    {
        ulong now = _clock.Now;
        for (int i = _waiting.Count - 1; i >= 0; i--)
        {
            if (_waiting[i].Deadline > now)
                continue;
            _waiting[i].Delay?.Pass(_activity);
            _waiting.RemoveAt(i);
        }

        Arm();
        // What follows from it belongs to this moment.
        _waker.Wake();
    }

    private void Arm()
    {
        ulong next = MachineClock.Never;
        foreach ((ulong deadline, _) in _waiting)
            next = Math.Min(next, deadline);
        if (next != _timer.Deadline)
            _timer.Set(next);
    }

    private sealed class Delay(ulong nanoseconds, bool isAwaited)
    {
        private int _isTaken;

        public ulong Nanoseconds => nanoseconds;

        public TaskCompletionSource Passed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>On the machine's thread: it is over, and whoever waited has something to do.</summary>
        public void Pass(HostActivity activity)
        {
            if (Interlocked.Exchange(ref _isTaken, 1) != 0)
                return;
            activity.BeginWork();
            if (isAwaited)
                activity.EndWait();
            Passed.TrySetResult();
        }

        /// <summary>False if it is over already.</summary>
        public bool Abandon() => Interlocked.Exchange(ref _isTaken, 1) == 0;
    }
}
