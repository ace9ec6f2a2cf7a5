using System.Buffers.Binary;
using System.Security.Cryptography;
using EnclaveTesting.Engine.Accelerators.Software.Chipset;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Machine.Recording;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software;

/// <summary>
/// A machine of software CPUs. One thread runs them in turns, some thousand instructions each, and between two turns lets
/// timers expire and devices do what has come from the host.
/// </summary>
internal sealed class SoftwareVirtualMachine : IVirtualMachine, IApicHost
{
    private const int LongestInstruction = 15;
    private const ulong PageMask = 0xFFF;

    // Long enough that what happens between turns costs nothing, short enough for timers (a fraction of a millisecond) and,
    // with several CPUs, for those that wait for each other.
    private const long TurnAlone = 20_000, TurnAmongOthers = 5_000;

    private readonly IMachineBus _bus;
    private readonly MachineClock _clock;
    private readonly SoftwareChipset _chipset;
    private readonly VirtualCpu[] _cpus;
    private readonly Dictionary<Gsi, SoftwareInterruptLine> _lines = [];
    private readonly UnimplementedInstructions _unimplemented = new();
    private readonly ManualResetEventSlim _signal = new(initialState: false, spinCount: 0);
    private readonly PauseRequests _pauses = new();
    private readonly Thread _thread;
    private readonly TimeProvider _timeOfDay;
    private readonly HostClock? _hostClock;
    private readonly HostMeeting? _meeting;
    private readonly long _turn;
    private readonly ulong? _seed;
    private volatile int _running;
    private int _wakePending;
    private long _retiredAtEnd;
    private volatile bool _stop;
    private bool _started, _disposed;

    /// <summary>Builds the CPUs and the chipset.</summary>
    public SoftwareVirtualMachine(VirtualMachineConfiguration configuration, IMachineBus bus, bool virtualTime)
    {
        _bus = bus;
        _cpus = new VirtualCpu[configuration.CpuCount];
        _turn = _cpus.Length == 1 ? TurnAlone : TurnAmongOthers;
        if (virtualTime)
        {
            var clock = new VirtualClock(CountRetired);
            _clock = clock;
            _meeting = new HostMeeting(bus, clock, configuration.Host, configuration.Journal, _signal, CountRetired, () => _pauses.Any);
            _timeOfDay = configuration.TimeProvider ?? new VirtualTimeOfDay(() => clock.Now);
            ObservedTimeOfDay = configuration.TimeProvider ?? new VirtualTimeOfDay(() => clock.LastSeen);
        }
        else
        {
            _clock = _hostClock = new HostClock();
            _timeOfDay = ObservedTimeOfDay = configuration.TimeProvider ?? TimeProvider.System;
        }

        _clock.DeadlineMovedForward = () => _cpus[_running].Cpu.RaiseAttention();
        _chipset = new SoftwareChipset(configuration, bus, _clock, _timeOfDay, this, _unimplemented);
        _seed = configuration.Seed;
        for (int i = 0; i < _cpus.Length; i++)
        {
            _cpus[i] = new VirtualCpu(new SoftwareCpu(i, configuration.Memory, _chipset, i == 0 ? null : _cpus[0].Cpu, configuration.CpuTemplate, configuration.Translation));
        }

        // Devices write on the machine's thread.
        configuration.Memory.WrittenByDevice = _cpus[0].Cpu.Code.WrittenRange;
        SeedRandom(_seed ?? RandomSeed());
        _thread = new Thread(Loop) { IsBackground = true, Name = "enclave machine" };
    }

    /// <summary>Instructions of all CPUs so far.</summary>
    public long Retired => _disposed ? _retiredAtEnd : CountRetired();

    /// <inheritdoc/>
    public long? Instructions => Retired;

    /// <inheritdoc/>
    public MachineClock? VirtualTime => _meeting is null ? null : _clock;

    /// <inheritdoc/>
    public TimeProvider TimeOfDay => _timeOfDay;

    /// <inheritdoc/>
    public TimeProvider ObservedTimeOfDay { get; }

    /// <inheritdoc/>
    public string? HostPace => _meeting?.HostPace;

    /// <inheritdoc/>
    public IReadOnlyList<string> Diagnostics => _unimplemented.Describe();

    /// <inheritdoc/>
    public IInterruptLine GetInterruptLine(Gsi gsi)
    {
        if (!_lines.TryGetValue(gsi, out SoftwareInterruptLine? line))
            _lines[gsi] = line = new SoftwareInterruptLine(_chipset, gsi);
        return line;
    }

    /// <summary>Does nothing: a store to the register reaches the bus as any other.</summary>
    public void AddDoorbell(Doorbell doorbell)
    {
    }

    /// <inheritdoc/>
    public void Start(in BootEntry entry)
    {
        _cpus[0].Cpu.Enter(entry);
        _cpus[0].IsStarted = true;
        _started = true;
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Pause(Action action)
    {
        if (!_started)
            throw new InvalidOperationException("The machine was not started.");
        _pauses.Run(action, () =>
        {
            // In virtual time the turns that are under way end as they would without: they are short.
            if (_meeting is null)
                RaiseAttention();
            _signal.Set();
        });
    }

    /// <inheritdoc/>
    public void Exchange(StateArchive archive)
    {
        archive.Section("clock", part => _clock.Exchange(part, _timeOfDay));
        if (_meeting is { } meeting)
            archive.Section("meetings with the host", meeting.Exchange);
        archive.Section("chipset", _chipset.Exchange);
        foreach ((Gsi gsi, SoftwareInterruptLine line) in _lines.OrderBy(line => line.Key.Number))
            archive.Section($"interrupt line {gsi.Number}", line.Exchange);
        foreach (VirtualCpu cpu in _cpus)
            archive.Section($"cpu {cpu.Cpu.Index}", cpu.Exchange);
    }

    /// <inheritdoc/>
    public SharedCode ShareCode() => _cpus[0].Cpu.Code.Share();

    /// <inheritdoc/>
    public void InheritCode(SharedCode code) => _cpus[0].Cpu.Code.Inherit(code);

    /// <inheritdoc/>
    public void Resume(bool fresh)
    {
        if (fresh && _seed is null)
            SeedRandom(RandomSeed());
        if (fresh && _meeting is null)
            _chipset.NotePause();
        // Between two turns interrupts are looked for anyway; a turn that ends before it began would shift all that follow.
        ClearAttention();
        _started = true;
        _thread.Start();
    }

    /// <inheritdoc/>
    public void Wake()
    {
        if (_meeting is { } meeting)
        {
            // In virtual time a turn ends where the guest makes it end, never where the host happens to call.
            if (Thread.CurrentThread == _thread)
                meeting.Want();
            else
                meeting.HostCame();
            return;
        }

        if (Interlocked.Exchange(ref _wakePending, 1) != 0)
            return;
        _cpus[_running].Cpu.RaiseAttention();
        _signal.Set();
    }

    /// <inheritdoc/>
    public void RequestStop()
    {
        _stop = true;
        RaiseAttention();
        _meeting?.Stop();
        _signal.Set();
    }

    /// <inheritdoc/>
    public void Join()
    {
        if (_started)
            _thread.Join();
    }

    /// <inheritdoc/>
    public bool TryReadRegisters(int cpu, out CpuRegisters registers, out CpuSystemRegisters system)
    {
        registers = _cpus[cpu].Cpu.ReadRegisters();
        system = _cpus[cpu].Cpu.ReadSystemRegisters();
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        RequestStop();
        Join();
        _retiredAtEnd = CountRetired();
        _disposed = true;
        foreach (VirtualCpu cpu in _cpus)
            cpu.Cpu.Dispose();
        _signal.Dispose();
    }

    /// <inheritdoc/>
    void IApicHost.InterruptPending(int cpu) => _cpus[cpu].Cpu.RaiseAttention();

    /// <inheritdoc/>
    void IApicHost.NonMaskable(int cpu)
    {
        _cpus[cpu].Cpu.RequestNmi();
        _cpus[cpu].IsHalted = false;
    }

    // Both wait for the end of the present turn: a CPU may send them to itself in the midst of an instruction.
    void IApicHost.Init(int cpu)
    {
        _cpus[cpu].IsResetWanted = true;
        _cpus[cpu].StartPage = null;
        _cpus[_running].Cpu.RaiseAttention();
    }

    void IApicHost.StartUp(int cpu, byte page)
    {
        if (_cpus[cpu].IsStarted && !_cpus[cpu].IsResetWanted)
            return;
        _cpus[cpu].StartPage ??= page;
        _cpus[_running].Cpu.RaiseAttention();
    }

    private static ulong RandomSeed() => BinaryPrimitives.ReadUInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    private void SeedRandom(ulong seed)
    {
        for (int i = 0; i < _cpus.Length; i++)
            _cpus[i].Cpu.SeedRandom(seed + ((ulong)i << 56));
    }

    private long CountRetired()
    {
        long sum = 0;
        foreach (VirtualCpu cpu in _cpus)
            sum += cpu.Cpu.Retired;
        return sum;
    }

    private void Loop()
    {
        try
        {
            while (!_stop)
            {
                // In virtual time it must not show whether the machine stood still, or began here.
                if (_meeting is not null || _pauses.Any)
                    ClearAttention();
                if (_pauses.Any)
                    _pauses.CarryOut();
                bool ran = false;
                for (int i = 0; i < _cpus.Length && !_stop; i++)
                {
                    // What came before a later CPU's turn may have been for an earlier one.
                    ran |= DoWork();
                    ran |= TakeTurn(i);
                }

                if (!ran && !_stop)
                    Wait();
            }
        }
        catch (RecordingDivergedException exception)
        {
            _bus.Ended(new VmExit(VmExitReason.ReplayDiverged, exception.Message));
        }
        catch (Exception exception)
        {
            // A device or the CPU itself is broken; the test's process must survive and the author must see why.
            EndByException(exception);
        }
        finally
        {
            _pauses.Close();
        }
    }

    private void RaiseAttention()
    {
        foreach (VirtualCpu cpu in _cpus)
            cpu.Cpu.RaiseAttention();
    }

    // At the beginning of a round of turns: interrupts are looked for anyway.
    private void ClearAttention()
    {
        foreach (VirtualCpu cpu in _cpus)
            cpu.Cpu.ClearAttention();
    }

    private void EndByException(Exception exception)
    {
        try
        {
            End(_running, VmExitReason.HypervisorError, exception.ToString());
        }
        catch (Exception another)
        {
            // Not even the registers can be read.
            _bus.Ended(new VmExit(VmExitReason.HypervisorError, $"{exception}\n{another}") { Cpu = _running });
        }
    }

    /// <summary>Lets the host's work be done and timers expire; true if there was anything.</summary>
    private bool DoWork()
    {
        bool woken = false;
        if (_meeting is { } meeting)
        {
            woken = meeting.IsDue;
            if (woken)
                meeting.Hold();
        }
        else if (woken = Volatile.Read(ref _wakePending) != 0)
        {
            // Cleared before the work is done: what comes during it wakes again.
            Interlocked.Exchange(ref _wakePending, 0);
            _bus.DoHostWork();
        }

        return _clock.RunDue() || woken;
    }

    private bool TakeTurn(int index)
    {
        VirtualCpu cpu = _cpus[index];
        if (_meeting is { IsOver: true })
        {
            _bus.Ended(new VmExit(VmExitReason.Stopped, "The recorded machine was stopped here."));
            return false;
        }

        ApplySignals(cpu);
        if (!CanRun(cpu, index))
            return false;

        cpu.IsHalted = false;
        _running = index;
        _chipset.Running = index;
        long budget = _clock.Budget(_turn);
        switch (cpu.Cpu.Run(_meeting?.Limit(budget) ?? budget))
        {
            case CpuStop.Halted:
                cpu.IsHalted = true;
                break;
            case CpuStop.TripleFault:
                End(index, VmExitReason.TripleFault, "A virtual CPU could not deliver a double fault and shut down.");
                break;
        }

        return true;
    }

    private static void ApplySignals(VirtualCpu cpu)
    {
        if (cpu.IsResetWanted)
        {
            cpu.Cpu.Reset();
            cpu.IsResetWanted = cpu.IsStarted = cpu.IsHalted = false;
        }

        if (cpu.StartPage is byte page)
        {
            cpu.Cpu.StartUp(page);
            cpu.StartPage = null;
            cpu.IsStarted = true;
        }
    }

    private bool CanRun(VirtualCpu cpu, int index) =>
        cpu.IsStarted && (!cpu.IsHalted || (cpu.Cpu.InterruptsEnabled && _chipset.HasInterrupt(index)));

    private void Wait()
    {
        if (Array.TrueForAll(_cpus, cpu => cpu.IsDead))
        {
            _bus.Ended(new VmExit(VmExitReason.Halt, "Every virtual CPU is halted with interrupts disabled."));
            return;
        }

        if (_meeting is { } meeting)
        {
            WaitVirtually(meeting);
            return;
        }

        _signal.Reset();
        if (_stop || _pauses.Any || Volatile.Read(ref _wakePending) != 0)
            return;
        _hostClock!.Idle(_signal);
    }

    private void WaitVirtually(HostMeeting meeting)
    {
        meeting.Hold();
        for (int i = 0; i < _cpus.Length; i++)
        {
            if (CanRun(_cpus[i], i))
                return;
        }

        meeting.PassTime();
    }

    private void End(int index, VmExitReason reason, string detail)
    {
        SoftwareCpu cpu = _cpus[index].Cpu;
        CpuRegisters registers = cpu.ReadRegisters();
        _bus.Ended(new VmExit(reason, detail)
        {
            Cpu = index,
            Registers = registers,
            InstructionBytes = ReadInstructionBytes(cpu, cpu.ReadSystemRegisters().Cs.Base + registers.Rip),
        });
        _stop = true;
    }

    private static byte[] ReadInstructionBytes(SoftwareCpu cpu, ulong address)
    {
        Span<byte> bytes = stackalloc byte[LongestInstruction];
        int onPage = (int)Math.Min(PageMask + 1 - (address & PageMask), LongestInstruction);
        if (!cpu.TryReadBytes(address, bytes[..onPage]))
            return [];
        if (onPage < LongestInstruction && cpu.TryReadBytes(address + (ulong)onPage, bytes[onPage..]))
            onPage = LongestInstruction;
        return bytes[..onPage].ToArray();
    }

    private sealed class VirtualCpu(SoftwareCpu cpu)
    {
        public SoftwareCpu Cpu => cpu;

        public bool IsStarted { get; set; }

        public bool IsHalted { get; set; }

        public bool IsResetWanted { get; set; }

        public byte? StartPage { get; set; }

        /// <summary>Saves the CPU or restores it.</summary>
        public void Exchange(StateArchive archive)
        {
            IsStarted = archive.Flag(IsStarted);
            IsHalted = archive.Flag(IsHalted);
            IsResetWanted = archive.Flag(IsResetWanted);
            bool isSummoned = archive.Flag(StartPage is not null);
            byte page = archive.Value(StartPage ?? 0);
            StartPage = isSummoned ? page : null;
            cpu.Exchange(archive);
        }

        /// <summary>Whether nothing can ever wake it; the start-up message that could would have to come from another CPU.</summary>
        public bool IsDead => StartPage is null && (!IsStarted || (IsHalted && !cpu.InterruptsEnabled));
    }
}
