using System.Diagnostics;
using System.Globalization;
using EnclaveTesting.Engine.Accelerators.Software.Chipset;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Machine.Recording;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software;

/// <summary>
/// Where a machine in virtual time and the host's programs exchange what they have done: when all CPUs wait, and otherwise every so many
/// instructions. There the machine waits until the host has answered what it was given, so that the host's speed does not decide what the guest
/// gets when. Time in which nothing happens is skipped while somebody waits for the guest; else it passes as the host's does.
/// </summary>
internal sealed class HostMeeting
{
    /// <summary>Instructions between two meetings of a guest that does not wait: a millisecond of its time.</summary>
    public const long Interval = 1_000_000;

    private const ulong NanosecondsPerMillisecond = 1_000_000;

    /// <summary>How long all in all the guest's time stands still for scripts that work. What takes longer is seen to wait for something else.</summary>
    private const ulong MostWorkLag = 1000 * NanosecondsPerMillisecond;

    /// <summary>How long all in all it stands still for tests that may do the next thing, each for <see cref="HostActivity.ReactionTime"/>.</summary>
    private const ulong MostLag = 1000 * NanosecondsPerMillisecond;

    // Waits are in whole milliseconds; what is nearer than this is not worth sleeping for.
    private const ulong ShortestSleep = 200_000;

    private readonly IMachineBus _bus;
    private readonly VirtualClock _clock;
    private readonly HostActivity _host;
    private readonly MachineJournal? _journal;
    private readonly MachinePlayer? _player;
    private readonly ManualResetEventSlim _signal;
    private readonly Func<long> _retired;
    private readonly Func<bool> _isPauseWanted;
    private long _next = Interval;
    private bool _isWanted;
    private int _hostCame;
    private volatile bool _stop;
    private ulong _workLag, _lag, _progress;
    private string? _freeBecause, _hostPace;
    private (long Retired, ulong Now)? _heldAt;

    public HostMeeting(IMachineBus bus, VirtualClock clock, HostActivity? host, MachineJournal? journal, ManualResetEventSlim signal, Func<long> retired, Func<bool> isPauseWanted)
    {
        _bus = bus;
        _clock = clock;
        _journal = journal;
        _player = journal as MachinePlayer;
        _signal = signal;
        _retired = retired;
        _isPauseWanted = isPauseWanted;
        _host = host ?? new HostActivity();
        // Without a host there is nobody but the one who waits for the machine.
        if (host is null)
            _host.BeginWait();
        _host.Changed = signal.Set;
    }

    /// <summary>From which instruction on and why another run may differ, because the host's speed had its part in this one; null if it had none. Any thread.</summary>
    public string? HostPace => Volatile.Read(ref _hostPace);

    /// <summary>Whether the turn that ended ought to be followed by a meeting.</summary>
    public bool IsDue => _isWanted || _retired() >= _next;

    /// <summary>How many instructions may follow before the machine has to look at its recording.</summary>
    public long Limit(long budget) => _player is null ? budget : Math.Min(budget, _player.InstructionsLeft(_retired()));

    /// <summary>Whether the recording that is played is over: its machine was stopped here.</summary>
    public bool IsOver => _player?.IsStoppedAt(_retired(), _clock.Now) == true;

    /// <summary>The machine itself has something to do at its next turn.</summary>
    public void Want() => _isWanted = true;

    /// <summary>The host has done something. From any thread.</summary>
    public void HostCame()
    {
        Volatile.Write(ref _hostCame, 1);
        _signal.Set();
    }

    /// <summary>No more waiting. From any thread.</summary>
    public void Stop()
    {
        _stop = true;
        _signal.Set();
    }

    /// <summary>Gives the host what the guest did, and takes what the host made of it.</summary>
    public void Hold()
    {
        // Answers may lead to more of both; a guest cannot keep this up, because it does not run meanwhile.
        const int mostRounds = 64;
        CountProgress();
        NoteArrival();
        for (int round = 0; round < mostRounds && !_stop; round++)
        {
            bool any = _bus.Publish();
            if (round > 0 && !any && _player?.HasBatchAt(_retired(), _clock.Now) != true)
                break;
            if (_player is null)
                Settle();
            _isWanted = false;
            Interlocked.Exchange(ref _hostCame, 0);
            _journal?.MeetAt(_retired(), _clock.Now);
            _bus.DoHostWork();
        }

        _next = _retired() + Interval;
        _heldAt = (_retired(), _clock.Now);
        _freeBecause = WhyFree();
    }

    /// <summary>Lets time pass while no CPU has anything to do: to the next deadline, until the host has done something, or less.</summary>
    public void PassTime()
    {
        _signal.Reset();
        // Before looking for work: see HostActivity.
        bool skips = _host.AllowsSkipping;
        if (_stop || _isPauseWanted() || _isWanted || Volatile.Read(ref _hostCame) != 0)
            return;
        ulong now = _clock.Now, deadline = _clock.NextDeadline;
        if (_player is not null)
            deadline = _player.NextTime(_retired(), deadline);
        if (deadline <= now)
            return;
        if (_player is not null || (skips && deadline != MachineClock.Never))
        {
            _clock.Skip(deadline - now);
            return;
        }

        bool works = _host.IsWorking;
        string? why = WhyFree();
        ulong reaction = (ulong)_host.ReactionLeft().TotalNanoseconds;
        ulong room = Room(works, reaction);
        ulong left = deadline == MachineClock.Never ? MachineClock.Never : deadline - now + room;
        long start = Stopwatch.GetTimestamp();
        Sleep(reaction > 0 ? Math.Min(left, reaction + NanosecondsPerMillisecond) : left);
        ulong passed = Since(start);
        ref ulong lag = ref works ? ref _workLag : ref _lag;
        lag += Math.Min(passed, room);
        if (passed <= room)
            return;
        FollowHost(why ?? "there was nothing left in the enclave that it could wait for");
        _clock.Skip(Math.Min(passed - room, deadline - now));
        _progress = _clock.Now;
    }

    /// <summary>Saves when the next meeting is due, or restores it.</summary>
    public void Exchange(StateArchive archive)
    {
        _next = archive.Within(_next, 0, long.MaxValue);
        _isWanted = archive.Flag(_isWanted);
        _progress = archive.Value(_progress);
    }

    private void Settle()
    {
        while (!_stop)
        {
            _signal.Reset();
            // Whoever wants the machine to stand still does the next thing; it waits again afterwards, if there is time left.
            if (_isPauseWanted())
                return;
            bool works = _host.IsWorking;
            ulong room = Room(works, (ulong)_host.ReactionLeft().TotalNanoseconds);
            if (room == 0)
                return;
            long start = Stopwatch.GetTimestamp();
            Sleep(room);
            ref ulong lag = ref works ? ref _workLag : ref _lag;
            lag += Math.Min(Since(start), room);
        }
    }

    // What came while the guest went on came at whatever instruction that had reached.
    private void NoteArrival()
    {
        if (_player is null && Volatile.Read(ref _hostCame) != 0 && _heldAt is { } held && held != (_retired(), _clock.Now))
            FollowHost(_freeBecause ?? "something came that nobody had waited to send");
    }

    // Why the guest goes on although somebody on the host may do something next; null if all wait for it.
    private string? WhyFree() =>
        _host.DependsOnOutside ? "a connection is forwarded to a server outside"
        : _host.IsWorking ? "a script or handler of the parent has worked for a second"
        : _host.IsReacting ? "the test did the next thing only after 100 ms"
        : _host.IsAwaited ? null
        : "nobody waited for the enclave";

    private void FollowHost(string why)
    {
        if (_hostPace is null && !_stop)
            Volatile.Write(ref _hostPace, string.Create(CultureInfo.InvariantCulture, $"the host's pace from instruction {_retired()} on: {why}"));
    }

    // How long the guest's time may stand still now.
    private ulong Room(bool works, ulong reaction) => works ? MostWorkLag - _workLag : Math.Min(MostLag - _lag, reaction);

    // Time that passes in the guest makes up for time that was kept from it.
    private void CountProgress()
    {
        ulong now = _clock.Now, gained = now - _progress;
        _progress = now;
        _workLag -= Math.Min(_workLag, gained);
        _lag -= Math.Min(_lag, gained);
    }

    private void Sleep(ulong nanoseconds)
    {
        if (nanoseconds == MachineClock.Never)
            _signal.Wait();
        else if (nanoseconds >= ShortestSleep)
            _signal.Wait((int)Math.Clamp(nanoseconds / NanosecondsPerMillisecond, 1, int.MaxValue));
        else
            Thread.Yield();
    }

    private static ulong Since(long start) => (ulong)Stopwatch.GetElapsedTime(start).TotalNanoseconds;
}
