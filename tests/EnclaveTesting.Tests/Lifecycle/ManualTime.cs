namespace EnclaveTesting.Tests.Lifecycle;

/// <summary>A clock that stands still until a test moves it: what is timed by it comes when the test says so, however slow the machine is.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Alarm> _alarms = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _now);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var alarm = new Alarm(this, () => callback(state));
        alarm.Change(dueTime, period);
        return alarm;
    }

    /// <summary>Completes when something waits for a time that is so far away.</summary>
    public async Task WaitForTimerAsync(TimeSpan time)
    {
        while (true)
        {
            Task changed;
            lock (_lock)
            {
                if (_alarms.Exists(alarm => alarm.Due == _now + time.Ticks))
                    return;
                changed = _changed.Task;
            }

            await changed;
        }
    }

    /// <summary>Moves the clock; what is due then has happened when this returns.</summary>
    public void Advance(TimeSpan time)
    {
        Alarm[] due;
        lock (_lock)
        {
            _now += time.Ticks;
            due = [.. _alarms.Where(alarm => alarm.Due <= _now)];
            foreach (Alarm alarm in due)
                alarm.Due = alarm.Period > 0 ? _now + alarm.Period : long.MaxValue;
        }

        foreach (Alarm alarm in due)
            alarm.Ring();
    }

    private sealed class Alarm(ManualTime owner, Action ring) : ITimer
    {
        public long Due { get; set; } = long.MaxValue;

        public long Period { get; private set; }

        public void Ring() => ring();

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            TaskCompletionSource changed;
            lock (owner._lock)
            {
                Due = dueTime < TimeSpan.Zero ? long.MaxValue : owner._now + dueTime.Ticks;
                Period = Math.Max(0, period.Ticks);
                if (!owner._alarms.Contains(this))
                    owner._alarms.Add(this);
                changed = owner._changed;
                owner._changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }

            changed.SetResult();
            return true;
        }

        public void Dispose()
        {
            lock (owner._lock)
                owner._alarms.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
