using System.Buffers.Binary;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>
/// Everything that a software CPU reaches outside itself: interrupt controllers, timers and clocks here, all else through the
/// machine's bus.
/// </summary>
internal sealed class SoftwareChipset : ICpuPlatform
{
    private const uint TimeStampCounter = 0x10, ApicBase = 0x1B, TscAdjust = 0x3B, TscDeadline = 0x6E0;
    private const ulong ApicWindowSize = 0x1000;
    private const int TimerPin = 2, TimerInput = 0, CascadeInput = 2;

    private readonly IMachineBus _bus;
    private readonly MachineClock _clock;
    private readonly ApicBus _apicBus;
    private readonly LocalApic[] _apics;
    private readonly IoApic _ioApic;
    private readonly Pic8259 _pic;
    private readonly Pit8254 _pit;
    private readonly KvmClock _kvmClock;
    private readonly ulong[] _tscAdjust;
    private readonly UnimplementedInstructions _unimplemented;

    /// <summary>Builds the chipset of a machine.</summary>
    /// <param name="configuration">The machine.</param>
    /// <param name="bus">Its devices.</param>
    /// <param name="clock">Its time.</param>
    /// <param name="timeOfDay">The time of day that its guest is told.</param>
    /// <param name="host">Its CPUs.</param>
    /// <param name="unimplemented">Takes the instructions that the CPUs do not know.</param>
    public SoftwareChipset(VirtualMachineConfiguration configuration, IMachineBus bus, MachineClock clock, TimeProvider timeOfDay, IApicHost host, UnimplementedInstructions unimplemented)
    {
        int cpus = configuration.CpuCount;
        _bus = bus;
        _clock = clock;
        _unimplemented = unimplemented;
        _apicBus = new ApicBus(host);
        _apics = new LocalApic[cpus];
        for (int i = 0; i < cpus; i++)
            _apicBus.Add(_apics[i] = new LocalApic(i, clock, _apicBus));
        _apics[0].PrepareForBoot();
        _ioApic = new IoApic((byte)cpus, _apicBus);
        _pic = new Pic8259(_apicBus);
        _pit = new Pit8254(clock, DriveTimerLine);
        _kvmClock = new KvmClock(configuration.Memory, cpus, clock, timeOfDay);
        _tscAdjust = new ulong[cpus];
    }

    /// <summary>Which CPU runs now; a local APIC's window is that of the CPU that accesses it.</summary>
    public int Running { get; set; }

    /// <summary>Whether a CPU would get an interrupt now if it had them enabled.</summary>
    public bool HasInterrupt(int cpu) => _apics[cpu].Pending >= 0 || (cpu == 0 && _pic.IsPending && _apics[0].TakesExternal);

    /// <summary>Drives an input of the interrupt controllers.</summary>
    public void SetLine(Gsi gsi, bool asserted)
    {
        int number = (int)gsi.Number;
        if (number < IoApic.Pins)
            _ioApic.SetLine(number, asserted);
        if (number < Pic8259.Inputs && number != CascadeInput)
            _pic.SetLine(number, asserted);
    }

    /// <summary>Saves controllers and timers or restores them.</summary>
    public void Exchange(StateArchive archive)
    {
        foreach (LocalApic apic in _apics)
            apic.Exchange(archive);
        _ioApic.State.Exchange(archive);
        _pic.Master.Exchange(archive);
        _pic.Slave.Exchange(archive);
        _pit.Exchange(archive);
        _kvmClock.State.Exchange(archive);
        archive.Fixed(_tscAdjust.AsSpan());
        Running = archive.Within(Running, 0, _apics.Length - 1);
    }

    /// <summary>Tells the guest that it did not run for a while.</summary>
    public void NotePause()
    {
        for (int cpu = 0; cpu < _apics.Length; cpu++)
            _kvmClock.NotePause(cpu, _apics[cpu].TscOffset);
    }

    /// <inheritdoc/>
    public uint ReadPort(ushort port, int size)
    {
        if (size == 1)
            return OwnsPort(port) ? ReadOwnPort(port) : _bus.ReadPort(port, 1);
        if (!OwnsAny(port, size))
            return _bus.ReadPort(port, size);
        uint value = 0;
        for (int i = 0; i < size; i++)
            value |= ReadPort((ushort)(port + i), 1) << (8 * i);
        return value;
    }

    /// <inheritdoc/>
    public void WritePort(ushort port, int size, uint value)
    {
        if (size > 1 && OwnsAny(port, size))
        {
            for (int i = 0; i < size; i++)
                WritePort((ushort)(port + i), 1, value >> (8 * i) & 0xFF);
        }
        else if (!OwnsPort(port))
        {
            _bus.WritePort(port, size, value);
        }
        else if (Pic8259.Owns(port))
        {
            _pic.WritePort(port, (byte)value);
        }
        else
        {
            _pit.WritePort(port, (byte)value);
        }
    }

    /// <inheritdoc/>
    public ulong ReadMmio(ulong address, int size)
    {
        LocalApic apic = _apics[Running];
        if (apic.Window is ulong window && address - window < ApicWindowSize)
            return apic.ReadMmio((uint)(address - window), size);
        if (address - MemoryLayout.IoApic < IoApic.WindowSize)
            return _ioApic.ReadMmio((uint)(address - MemoryLayout.IoApic), size);
        Span<byte> data = stackalloc byte[sizeof(ulong)];
        data.Clear();
        _bus.ReadMmio(new GuestAddress(address), data[..size]);
        return BinaryPrimitives.ReadUInt64LittleEndian(data);
    }

    /// <inheritdoc/>
    public void WriteMmio(ulong address, int size, ulong value)
    {
        LocalApic apic = _apics[Running];
        if (apic.Window is ulong window && address - window < ApicWindowSize)
        {
            apic.WriteMmio((uint)(address - window), size, (uint)value);
            return;
        }

        if (address - MemoryLayout.IoApic < IoApic.WindowSize)
        {
            _ioApic.WriteMmio((uint)(address - MemoryLayout.IoApic), (uint)value);
            return;
        }

        Span<byte> data = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(data, value);
        _bus.WriteMmio(new GuestAddress(address), data[..size]);
    }

    /// <inheritdoc/>
    public ulong ReadTsc(int cpu) => _clock.Now + _apics[cpu].TscOffset;

    /// <inheritdoc/>
    public bool TryReadMsr(int cpu, uint index, out ulong value)
    {
        switch (index)
        {
            case TimeStampCounter:
                value = ReadTsc(cpu);
                return true;
            case TscAdjust:
                value = _tscAdjust[cpu];
                return true;
            case ApicBase:
                value = _apics[cpu].State.Base;
                return true;
            case TscDeadline:
                value = _apics[cpu].TscDeadline;
                return true;
            default:
                return _apics[cpu].TryReadMsr(index, out value) || _kvmClock.TryReadMsr(cpu, index, out value);
        }
    }

    /// <inheritdoc/>
    public bool TryWriteMsr(int cpu, uint index, ulong value)
    {
        switch (index)
        {
            case TimeStampCounter:
                MoveTsc(cpu, value - ReadTsc(cpu));
                return true;
            case TscAdjust:
                MoveTsc(cpu, value - _tscAdjust[cpu]);
                return true;
            case ApicBase:
                return _apics[cpu].TrySetBase(value);
            case TscDeadline:
                _apics[cpu].TscDeadline = value;
                return true;
            default:
                return _apics[cpu].TryWriteMsr(index, value) || _kvmClock.TryWriteMsr(cpu, index, value, _apics[cpu].TscOffset);
        }
    }

    /// <inheritdoc/>
    public int TakeInterrupt(int cpu)
    {
        // The 8259 pair comes first: it has no place in the local APIC's priorities.
        if (cpu == 0 && _pic.IsPending && _apics[0].TakesExternal)
            return _pic.Acknowledge();
        return _apics[cpu].Take();
    }

    /// <inheritdoc/>
    public ulong ReadTpr(int cpu) => _apics[cpu].TaskPriorityClass;

    /// <inheritdoc/>
    public void WriteTpr(int cpu, ulong value) => _apics[cpu].TaskPriorityClass = value;

    /// <inheritdoc/>
    public void NoteUnimplemented(int cpu, ulong rip, ReadOnlySpan<byte> bytes) => _unimplemented.Note(rip, bytes);

    private static bool OwnsPort(ushort port) => Pic8259.Owns(port) || Pit8254.Owns(port);

    private static bool OwnsAny(ushort port, int size)
    {
        for (int i = 0; i < size; i++)
        {
            if (OwnsPort((ushort)(port + i)))
                return true;
        }

        return false;
    }

    private byte ReadOwnPort(ushort port) => Pic8259.Owns(port) ? _pic.ReadPort(port) : _pit.ReadPort(port);

    private void DriveTimerLine(bool asserted)
    {
        _ioApic.SetLine(TimerPin, asserted);
        _pic.SetLine(TimerInput, asserted);
    }

    private void MoveTsc(int cpu, ulong by)
    {
        _tscAdjust[cpu] += by;
        _apics[cpu].TscOffset += by;
        _kvmClock.UpdateSystemTime(cpu, _apics[cpu].TscOffset);
    }
}
