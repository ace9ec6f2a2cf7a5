using System.Runtime.InteropServices;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>
/// KVM's paravirtual clock (Linux, Documentation/virt/kvm/x86/msr.rst): tells a guest how its time-stamp counter maps to time.
/// The counter is stable and runs at 1 GHz, so each structure is written once, when the guest names its place.
/// </summary>
internal sealed class KvmClock
{
    private const uint WallClockOld = 0x11, SystemTimeOld = 0x12, WallClockNew = 0x4B56_4D00, SystemTimeNew = 0x4B56_4D01;
    private const ulong Enabled = 1;
    private const byte TscIsStable = 1, GuestStopped = 2;

    // Nanoseconds are the counter times two times one half.
    private const uint HalfInFixedPoint = 0x8000_0000;
    private const sbyte TimesTwo = 1;

    private readonly GuestMemory _memory;
    private readonly MachineClock _clock;
    private readonly TimeProvider _wallTime;

    public KvmClock(GuestMemory memory, int cpus, MachineClock clock, TimeProvider wallTime)
    {
        _memory = memory;
        _clock = clock;
        _wallTime = wallTime;
        State = new KvmClockState { SystemTime = new ulong[cpus] };
    }

    public KvmClockState State { get; }

    public bool TryReadMsr(int cpu, uint index, out ulong value)
    {
        value = index switch
        {
            WallClockOld or WallClockNew => State.WallClock,
            SystemTimeOld or SystemTimeNew => State.SystemTime[cpu],
            _ => 0,
        };
        return index is WallClockOld or WallClockNew or SystemTimeOld or SystemTimeNew;
    }

    /// <summary>Takes a place in the guest's memory and fills it; an address that is not RAM is kept and nothing written, as KVM does.</summary>
    /// <param name="cpu">The CPU that writes.</param>
    /// <param name="index">The register.</param>
    /// <param name="value">An address, with bit 0 as "enabled" for the system time.</param>
    /// <param name="tscOffset">What that CPU's counter is ahead of the machine's clock.</param>
    public bool TryWriteMsr(int cpu, uint index, ulong value, ulong tscOffset)
    {
        switch (index)
        {
            case WallClockOld or WallClockNew:
                State.WallClock = value;
                WriteWallClock(value);
                return true;
            case SystemTimeOld or SystemTimeNew:
                State.SystemTime[cpu] = value;
                UpdateSystemTime(cpu, tscOffset);
                return true;
            default:
                return false;
        }
    }

    /// <summary>Writes a CPU's structure again, after its counter was set.</summary>
    public void UpdateSystemTime(int cpu, ulong tscOffset) => UpdateSystemTime(cpu, tscOffset, TscIsStable);

    /// <summary>Tells a CPU that it did not run for a while: what took long meanwhile is no fault of the guest's.</summary>
    public void NotePause(int cpu, ulong tscOffset) => UpdateSystemTime(cpu, tscOffset, TscIsStable | GuestStopped);

    private void UpdateSystemTime(int cpu, ulong tscOffset, byte flags)
    {
        ulong value = State.SystemTime[cpu];
        if ((value & Enabled) == 0)
            return;
        var address = new GuestAddress(value & ~Enabled);
        if (!_memory.TryRead(address, out SystemTimeInfo info))
            return;
        // An odd version while the structure is written: a CPU that reads it meanwhile reads again.
        uint version = (info.Version + 2) & ~1u;
        _memory.TryWriteByDevice(address, version - 1);
        _memory.TryWriteByDevice(address, new SystemTimeInfo
        {
            Version = version - 1,
            TscTimestamp = tscOffset,
            TscToSystemMultiplier = HalfInFixedPoint,
            TscShift = TimesTwo,
            Flags = flags,
        });
        _memory.TryWriteByDevice(address, version);
    }

    private void WriteWallClock(ulong value)
    {
        var address = new GuestAddress(value);
        if (!_memory.TryRead(address, out WallClockInfo info))
            return;
        // The time at which the system time was zero.
        DateTime start = _wallTime.GetUtcNow().UtcDateTime.AddTicks(-(long)(_clock.Now / 100));
        long ticks = (start - DateTime.UnixEpoch).Ticks;
        uint version = (info.Version + 2) & ~1u;
        _memory.TryWriteByDevice(address, new WallClockInfo
        {
            Version = version,
            Seconds = (uint)(ticks / TimeSpan.TicksPerSecond),
            Nanoseconds = (uint)(ticks % TimeSpan.TicksPerSecond * 100),
        });
    }

    [StructLayout(LayoutKind.Sequential, Size = 12)]
    private struct WallClockInfo
    {
        public uint Version, Seconds, Nanoseconds;
    }

    [StructLayout(LayoutKind.Sequential, Size = 32)]
    private struct SystemTimeInfo
    {
        public uint Version, Padding;
        public ulong TscTimestamp, SystemTime;
        public uint TscToSystemMultiplier;
        public sbyte TscShift;
        public byte Flags;
    }
}
