using System.Buffers.Binary;
using System.Runtime.Versioning;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Devices;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>
/// A machine on KVM: one thread for each CPU and one event thread, which watches the doorbells (ioeventfd), the wake-ups
/// from the host, and whether the CPUs have halted for good.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe class KvmVirtualMachine : IVirtualMachine
{
    // How often an idle machine is looked at; halting for good is rare and nobody waits for it.
    private const int IdleCheckMilliseconds = 250;

    private const ulong NanosecondsPerMillisecond = 1_000_000;

    private readonly FileDescriptor _vm;
    private readonly IMachineBus _bus;
    private readonly int _extendedSize;
    private readonly SemaphoreSlim _eventGate = new(1);
    private readonly Lock _pausing = new();
    private readonly TimeProvider _timeOfDay;
    private readonly int _tscKilohertz;
    private KvmMachineState? _restored;
    private int _paused;
    private readonly bool _tscDeadline, _emulated;
    private readonly CpuTemplate _template;
    private readonly KvmAssistCount? _assist;
    private readonly KvmVirtualCpu[] _cpus;
    private readonly KvmExclusion _exclusion;
    private readonly Dictionary<Gsi, KvmInterruptLine> _lines = [];
    private readonly List<(EventFd Event, Doorbell Doorbell)> _doorbells = [];
    private readonly EventFd _wake = new();
    private readonly Thread _eventThread;
    private int _wakePending;
    private volatile bool _stop;
    private bool _started, _disposed;

    /// <summary>Creates CPUs and interrupt controllers.</summary>
    /// <param name="kvm">KVM's device.</param>
    /// <param name="configuration">The machine.</param>
    /// <param name="bus">Its devices.</param>
    /// <param name="emulated">Whether this KVM emulates ring 0 instead of running it on the processor.</param>
    public KvmVirtualMachine(FileDescriptor kvm, VirtualMachineConfiguration configuration, IMachineBus bus, bool emulated = false)
    {
        _bus = bus;
        _emulated = emulated;
        _assist = configuration.SoftwareAssist ? new KvmAssistCount() : null;
        _timeOfDay = configuration.TimeProvider ?? TimeProvider.System;
        _template = configuration.CpuTemplate;
        _cpus = new KvmVirtualCpu[configuration.CpuCount];
        _exclusion = new KvmExclusion(_cpus);
        _eventThread = new Thread(WatchEvents) { IsBackground = true, Name = "enclave events" };
        _vm = new FileDescriptor(-1);
        try
        {
            _vm = new FileDescriptor(KvmIoctl.Call(kvm, KvmIoctl.CreateVm));
            // Before anything else: a filter waits until nobody in the kernel uses the machine as it was, which then nobody does.
            if (_assist is not null)
                PrepareAssist(_vm, emulated);
            uint slot = 0;
            foreach (MemoryRegion region in configuration.Memory.Regions)
            {
                var memory = new KvmMemoryRegion
                {
                    Slot = slot++,
                    GuestAddress = region.Start.Value,
                    Size = region.Length,
                    HostAddress = (ulong)configuration.Memory.HostBase + region.HostOffset,
                };
                KvmIoctl.Call(_vm, KvmIoctl.SetUserMemoryRegion, ref memory);
            }

            ulong identityMap = MemoryLayout.KvmIdentityMap;
            KvmIoctl.Call(_vm, KvmIoctl.SetIdentityMapAddr, ref identityMap);
            KvmIoctl.Call(_vm, KvmIoctl.SetTssAddr, unchecked((nint)MemoryLayout.KvmTss));
            KvmIoctl.Call(_vm, KvmIoctl.CreateIrqchip);
            var pit = new KvmPitConfig { Flags = KvmPitConfig.SpeakerDummy };
            KvmIoctl.Call(_vm, KvmIoctl.CreatePit2, ref pit);

            _extendedSize = KvmIoctl.Call(_vm, KvmIoctl.CheckExtension, KvmCapability.Xsave2);
            _tscDeadline = KvmIoctl.Call(kvm, KvmIoctl.CheckExtension, KvmCapability.TscDeadlineTimer) > 0;
            int runSize = KvmIoctl.Call(kvm, KvmIoctl.GetVcpuMmapSize);
            for (int i = 0; i < _cpus.Length; i++)
                _cpus[i] = new KvmVirtualCpu(_vm, i, runSize, bus, configuration.Memory, _assist, emulated, _extendedSize, _cpus.Length == 1 ? null : _exclusion);
            _tscKilohertz = _cpus[0].TscKilohertz;
        }
        catch
        {
            Release();
            throw;
        }
    }

    /// <summary>Exits of all CPUs to this process so far.</summary>
    public long Exits => _cpus.Sum(cpu => cpu.Exits);

    /// <inheritdoc/>
    public IReadOnlyList<string> Diagnostics => _assist?.Describe() ?? [];

    /// <inheritdoc/>
    public IInterruptLine GetInterruptLine(Gsi gsi)
    {
        if (_lines.TryGetValue(gsi, out KvmInterruptLine? line))
            return line;
        try
        {
            return _lines[gsi] = new KvmInterruptLine(_vm, gsi);
        }
        catch (KvmException exception)
        {
            throw exception.ToUnavailable();
        }
    }

    /// <inheritdoc/>
    public void AddDoorbell(Doorbell doorbell)
    {
        try
        {
            var bell = new EventFd();
            _doorbells.Add((bell, doorbell));
            var watch = new KvmIoeventfd
            {
                Value = doorbell.Value,
                Address = doorbell.Address.Value,
                Length = sizeof(uint),
                Fd = bell.Number,
                Flags = KvmIoeventfd.DataMatch,
            };
            KvmIoctl.Call(_vm, KvmIoctl.Ioeventfd, ref watch);
        }
        catch (KvmException exception)
        {
            throw exception.ToUnavailable();
        }
    }

    /// <inheritdoc/>
    public void Start(in BootEntry entry)
    {
        try
        {
            for (int i = 0; i < _cpus.Length; i++)
            {
                _cpus[i].Configure(DescribeCpu(i), i == 0 ? entry : null);
            }
        }
        catch (KvmException exception)
        {
            throw exception.ToUnavailable();
        }

        StartThreads();
    }

    /// <summary>
    /// Starts as another machine was when it was captured, around memory with the same contents. The machine's devices and interrupt lines are
    /// not part of it: whoever restores them drives the lines that are asserted again.
    /// </summary>
    /// <exception cref="ArgumentException">The state is that of a machine with another number of CPUs.</exception>
    /// <exception cref="AcceleratorUnavailableException">This host's KVM does not take the state.</exception>
    public void Start(KvmMachineState state)
    {
        Apply(state);
        StartThreads();
    }

    private void Apply(KvmMachineState state)
    {
        if (state.Cpus.Length != _cpus.Length)
            throw new ArgumentException($"The saved machine has {state.Cpus.Length} CPUs, this one {_cpus.Length}.", nameof(state));
        try
        {
            KvmStateTransfer.Apply(_vm, state);
            for (int i = 0; i < _cpus.Length; i++)
            {
                _cpus[i].Configure(state.Cpus[i], _extendedSize);
                _cpus[i].Resume();
            }
        }
        catch (KvmException exception)
        {
            throw exception.ToUnavailable();
        }
    }

    /// <summary>
    /// Stops all CPUs between two instructions and the doorbells after what has rung; returns when nothing moves any more. Not from a thread
    /// of the machine.
    /// </summary>
    /// <exception cref="InvalidOperationException">The machine has not been started.</exception>
    public void Pause()
    {
        if (!_started)
            throw new InvalidOperationException("A machine can be paused once it has been started.");
        if (Interlocked.Exchange(ref _paused, 1) != 0)
            return;
        _exclusion.Enter(null);
        _eventGate.Wait();
        if (_stop)
            return;
        // What has rung is the device's business before its state is looked at.
        Span<LibC.PollFd> fds = stackalloc LibC.PollFd[_doorbells.Count + 1];
        ListEvents(fds);
        if (PollEvents(fds, 0) > 0)
            HandleEvents(fds);
    }

    /// <summary>Goes on after <see cref="Pause()"/>.</summary>
    public void Resume()
    {
        if (Interlocked.Exchange(ref _paused, 0) == 0)
            return;
        _eventGate.Release();
        _exclusion.Leave(null, noticed: true);
    }

    /// <summary>Everything KVM knows of the machine; while it is paused.</summary>
    public KvmMachineState Capture()
    {
        KvmMachineState state = KvmStateTransfer.Capture(_vm);
        state.Cpus = [.. _cpus.Select(cpu => cpu.Capture(KvmHost.Msrs, _extendedSize))];
        return state;
    }

    /// <inheritdoc/>
    public void Pause(Action action)
    {
        lock (_pausing)
        {
            // Nothing is left that could be stopped.
            if (_disposed)
                throw new InvalidOperationException("The machine does not run any more.");
            try
            {
                Pause();
                if (_stop)
                    throw new InvalidOperationException("The machine does not run any more.");
                action();
            }
            finally
            {
                Resume();
            }
        }
    }

    /// <inheritdoc/>
    public void Exchange(StateArchive archive)
    {
        long now = _timeOfDay.GetUtcNow().UtcTicks;
        long saved = archive.Within(now, 0, DateTime.MaxValue.Ticks);
        KvmMachineState state = archive.IsReading ? new KvmMachineState() : Capture();
        state.Exchange(archive);
        if (!archive.IsReading)
            return;
        archive.Require(state.Cpus.Length == _cpus.Length, $"{_cpus.Length} CPUs", $"{state.Cpus.Length}");
        // The time for which the machine lay saved has passed for it too; a clock that was set back has not turned the machine's back.
        Advance(state, (ulong)Math.Max(now - saved, 0) * TimeSpan.NanosecondsPerTick);
        _restored = state;
    }

    /// <inheritdoc/>
    public void Resume(bool fresh)
    {
        Apply(_restored ?? throw new InvalidOperationException("Nothing was restored."));
        _restored = null;
        // KVM injects what an irqfd signals on a thread of its own, perhaps after the controllers were saved; and what a restored device has raised
        // since, they have just forgotten. One interrupt more does no harm.
        foreach (KvmInterruptLine line in _lines.Values)
            line.Signal();
        StartThreads();
    }

    private KvmCpuidTable DescribeCpu(int number)
    {
        if (_template != CpuTemplate.Host)
            return KvmCpuid.Create(_template, number, _cpus.Length);
        KvmCpuidTable cpuid = KvmHost.Cpuid;
        KvmCpuid.Adapt(ref cpuid, number, _cpus.Length, _tscDeadline);
        if (_emulated)
            KvmEmulatedCpuid.Adapt(ref cpuid);
        return cpuid;
    }

    /// <inheritdoc/>
    public void Wake()
    {
        if (Interlocked.Exchange(ref _wakePending, 1) == 0)
            _wake.Signal();
    }

    /// <inheritdoc/>
    public void RequestStop()
    {
        _stop = true;
        _wake.Signal();
        _eventGate.Release(); // of a paused machine; afterwards nobody waits there any more
        foreach (KvmVirtualCpu cpu in _cpus)
            cpu?.RequestStop();
        _exclusion.Open();
    }

    /// <inheritdoc/>
    public void Join()
    {
        if (!_started)
            return;
        _eventThread.Join();
        foreach (KvmVirtualCpu cpu in _cpus)
            cpu.Join();
    }

    /// <inheritdoc/>
    public bool TryReadRegisters(int cpu, out CpuRegisters registers, out CpuSystemRegisters system) =>
        _cpus[cpu].TryReadRegisters(out registers, out system);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        RequestStop();
        Join();
        // Whoever has it paused looks at it until then.
        lock (_pausing)
        {
            _disposed = true;
            Release();
        }
    }

    /// <summary>Has a new machine tell of what KVM does not execute, for the software CPU's help.</summary>
    internal static void PrepareAssist(FileDescriptor vm, bool emulated)
    {
        if (KvmIoctl.Call(vm, KvmIoctl.CheckExtension, KvmCapability.ExitOnEmulationFailure) > 0)
            Enable(vm, KvmCapability.ExitOnEmulationFailure, 1);
        if (!emulated || KvmIoctl.Call(vm, KvmIoctl.CheckExtension, KvmCapability.X86MsrFilter) <= 0)
            return;
        const ulong exitWhenFiltered = 4;
        Enable(vm, KvmCapability.X86UserSpaceMsr, exitWhenFiltered);
        ulong none = 0;
        var filter = new KvmMsrFilter { RangeFlags = KvmMsrFilter.Write, Count = 1, First = KvmSystemCallEntry.EntryRegister, Bitmap = (nint)(&none) };
        KvmIoctl.Call(vm, KvmIoctl.X86SetMsrFilter, ref filter);
    }

    private static void Enable(FileDescriptor vm, int capability, ulong argument)
    {
        var enable = new KvmEnableCap { Capability = (uint)capability };
        enable.Arguments[0] = argument;
        KvmIoctl.Call(vm, KvmIoctl.EnableCap, ref enable);
    }

    private void Advance(KvmMachineState state, ulong nanoseconds)
    {
        ulong ticks = (ulong)((UInt128)nanoseconds * (uint)_tscKilohertz / NanosecondsPerMillisecond);
        state.Clock += nanoseconds;
        foreach (KvmVirtualCpuState cpu in state.Cpus)
        {
            // The first of them is the time stamp counter.
            if (cpu.Msrs.Length > 0)
                cpu.Msrs[0].Value += ticks;
        }
    }

    private void StartThreads()
    {
        // It starts the others: a thread takes a while to make, and whoever is here does not have to wait for each.
        _eventThread.Start();
        _started = true;
    }

    private void Release()
    {
        foreach (KvmVirtualCpu? cpu in _cpus)
            cpu?.Dispose();
        foreach (KvmInterruptLine line in _lines.Values)
            line.Dispose();
        foreach ((EventFd bell, _) in _doorbells)
            bell.Dispose();
        _wake.Dispose();
        _vm.Dispose();
    }

    private void WatchEvents()
    {
        try
        {
            foreach (KvmVirtualCpu cpu in _cpus)
                cpu.Start();
            Span<LibC.PollFd> fds = stackalloc LibC.PollFd[_doorbells.Count + 1];
            ListEvents(fds);
            var probe = new HaltProbe();
            while (!_stop)
            {
                int ready = PollEvents(fds, IdleCheckMilliseconds);
                _eventGate.Wait();
                if (_stop)
                    return;
                if (ready == 0)
                    LookForDeadHalt(probe);
                if (ready > 0)
                    HandleEvents(fds);
                _eventGate.Release();
            }
        }
        catch (Exception exception)
        {
            _bus.Ended(new VmExit(VmExitReason.HypervisorError, exception.ToString()));
        }
    }

    private void ListEvents(Span<LibC.PollFd> fds)
    {
        fds[0] = new LibC.PollFd { Fd = _wake.Number, Events = LibC.PollIn };
        for (int i = 0; i < _doorbells.Count; i++)
            fds[i + 1] = new LibC.PollFd { Fd = _doorbells[i].Event.Number, Events = LibC.PollIn };
    }

    private static int PollEvents(Span<LibC.PollFd> fds, int milliseconds)
    {
        fixed (LibC.PollFd* first = fds)
            return LibC.Poll(first, (nuint)fds.Length, milliseconds);
    }

    private void HandleEvents(Span<LibC.PollFd> fds)
    {
        Span<byte> value = stackalloc byte[sizeof(uint)];
        for (int i = 1; i < fds.Length; i++)
        {
            if ((fds[i].Returned & LibC.PollIn) == 0)
                continue;
            (EventFd bell, Doorbell doorbell) = _doorbells[i - 1];
            bell.Drain();
            BinaryPrimitives.WriteUInt32LittleEndian(value, doorbell.Value);
            _bus.WriteMmio(doorbell.Address, value);
        }

        if ((fds[0].Returned & LibC.PollIn) != 0)
        {
            _wake.Drain();
            // Cleared before the work is done: what comes during it wakes again.
            Volatile.Write(ref _wakePending, 0);
            _bus.DoHostWork();
        }
    }

    // With the in-kernel interrupt controller HLT never exits. So an idle machine is asked twice: CPUs that are halted with
    // interrupts off, and have not moved since, will never move again.
    private void LookForDeadHalt(HaltProbe probe)
    {
        long exits = Exits;
        int asked = probe.Generation;
        if (exits == probe.Exits && asked != 0 && Array.TrueForAll(_cpus, cpu => cpu.IsDead(asked)))
        {
            _bus.Ended(new VmExit(VmExitReason.Halt, "Every virtual CPU is halted with interrupts disabled."));
            return;
        }

        probe.Generation++;
        probe.Exits = exits + _cpus.Length; // each kick is an exit too
        foreach (KvmVirtualCpu cpu in _cpus)
            cpu.RequestProbe(probe.Generation);
    }

    private sealed class HaltProbe
    {
        public int Generation { get; set; }

        public long Exits { get; set; }
    }
}
