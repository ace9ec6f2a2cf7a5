using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>
/// A local APIC's timer (SDM vol. 3, 11.5.4): one-shot, periodic, and by TSC deadline. Its clock before the divider runs at
/// 1 GHz, as KVM's does.
/// </summary>
internal sealed class LocalApicTimer
{
    public const uint ModeMask = 3 << 17;

    private const uint Periodic = 1 << 17, ByDeadline = 2 << 17;

    private readonly LocalApicState _state;
    private readonly MachineClock _clock;
    private readonly MachineTimer _timer;
    private readonly Action _expired;

    /// <summary>Takes over what the state says.</summary>
    public LocalApicTimer(LocalApicState state, MachineClock clock, Action expired)
    {
        _state = state;
        _clock = clock;
        _expired = expired;
        _timer = clock.AddTimer(Expire);
        _timer.Set(state.TimerDeadline);
    }

    /// <summary>What the guest's time-stamp counter is ahead of the machine's clock.</summary>
    public ulong TscOffset { get; set; }

    private uint Mode => _state.LocalVectorTable[0] & ModeMask;

    // 0 to 7 in bits 0, 1 and 3 mean 2 to 128 and then 1.
    private int DivideShift => (int)(((_state.TimerDivide & 3) | (_state.TimerDivide >> 1 & 4)) + 1) & 7;

    private ulong Period => (ulong)_state.TimerInitialCount << DivideShift;

    /// <summary>The current count register.</summary>
    public uint CurrentCount
    {
        get
        {
            if (Mode == ByDeadline || _state.TimerDeadline == MachineClock.Never)
                return 0;
            ulong now = _clock.Now;
            ulong left = _state.TimerDeadline > now ? _state.TimerDeadline - now : 0;
            return (uint)((left + (1UL << DivideShift) - 1) >> DivideShift);
        }
    }

    /// <summary>IA32_TSC_DEADLINE.</summary>
    public ulong TscDeadline
    {
        get => _state.TscDeadline;
        set
        {
            if (Mode != ByDeadline)
                return;
            _state.TscDeadline = value;
            SetDeadline(value == 0 ? MachineClock.Never : ToClock(value));
        }
    }

    /// <summary>Starts the countdown; 0 stops it.</summary>
    public void SetInitialCount(uint count)
    {
        if (Mode == ByDeadline)
            return;
        _state.TimerInitialCount = count;
        SetDeadline(count == 0 ? MachineClock.Never : _clock.Now + Period);
    }

    /// <summary>Changes the divider; what is left of a count takes its new pace.</summary>
    public void SetDivide(uint value)
    {
        uint left = CurrentCount;
        _state.TimerDivide = value & 0xB;
        if (left != 0)
            SetDeadline(_clock.Now + ((ulong)left << DivideShift));
    }

    /// <summary>The timer's vector table entry was written; entering or leaving the deadline mode disarms it.</summary>
    public void ModeChanged(uint before)
    {
        if (((before ^ _state.LocalVectorTable[0]) & ByDeadline) != 0)
            Stop();
    }

    /// <summary>Saves what the APIC's registers do not tell, or restores it after them.</summary>
    public void Exchange(StateArchive archive)
    {
        TscOffset = archive.Value(TscOffset);
        _timer.Exchange(archive);
    }

    public void Stop()
    {
        _state.TscDeadline = 0;
        _state.TimerInitialCount = 0;
        SetDeadline(MachineClock.Never);
    }

    private ulong ToClock(ulong tsc)
    {
        ulong deadline = tsc - TscOffset;
        // A counter set ahead may make a small deadline wrap; it has passed long ago.
        return tsc < TscOffset ? 0 : Math.Min(deadline, MachineClock.Never - 1);
    }

    private void SetDeadline(ulong deadline)
    {
        _state.TimerDeadline = deadline;
        _timer.Set(deadline);
    }

    private void Expire()
    {
        ulong due = _state.TimerDeadline;
        _state.TimerDeadline = MachineClock.Never;
        if (Mode == ByDeadline)
        {
            _state.TscDeadline = 0;
        }
        else if (Mode == Periodic && Period != 0)
        {
            // What was missed meanwhile is one interrupt in IRR anyway.
            ulong missed = (_clock.Now - due) / Period;
            SetDeadline(due + ((missed + 1) * Period));
        }

        _expired();
    }
}
