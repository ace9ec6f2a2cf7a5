using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>One virtual CPU: its descriptor, its shared page, its thread and its run loop.</summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe class KvmVirtualCpu : IDisposable
{
    private const int LongestInstruction = 15;
    private const uint EmulationFailure = 1;
    private const int MpStateHalted = 3, MpStateUninitialized = 1;

    private readonly FileDescriptor _fd;
    private readonly int _index;
    private readonly IMachineBus _bus;
    private readonly GuestMemory _memory;
    private readonly KvmRun* _run;
    private readonly nuint _runSize;
    private readonly Thread _thread;
    private int _threadId;
    private volatile bool _stop;
    private readonly object _parking = new();
    private volatile bool _pause;
    private bool _parked, _ended;
    private volatile int _probeWanted, _probeDone;
    private volatile bool _dead;
    private KvmCpuidTable _cpuid;
    private bool _disposed;
    private bool _registersKnown;
    private CpuRegisters _registers;
    private CpuSystemRegisters _system;
    private readonly KvmAssistCount? _assistCount;
    private readonly KvmSystemCallEntry? _systemCalls;
    private readonly int _extendedSize;
    private readonly KvmExclusion? _exclusion;
    private KvmSoftwareAssist? _assist;

    /// <summary>Creates a CPU.</summary>
    /// <param name="vm">Its machine.</param>
    /// <param name="index">Its number and APIC id.</param>
    /// <param name="runSize">Bytes of its shared page.</param>
    /// <param name="bus">The machine's devices.</param>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="assist">Counts what the software CPU executes for it; null: nothing.</param>
    /// <param name="emulated">Whether this KVM emulates ring 0.</param>
    /// <param name="extendedSize">KVM_CAP_XSAVE2.</param>
    /// <param name="exclusion">Stops the other CPUs; null where there are none.</param>
    public KvmVirtualCpu(
        FileDescriptor vm, int index, int runSize, IMachineBus bus, GuestMemory memory, KvmAssistCount? assist, bool emulated, int extendedSize, KvmExclusion? exclusion)
    {
        _exclusion = exclusion;
        _index = index;
        _bus = bus;
        _memory = memory;
        _fd = new FileDescriptor(KvmIoctl.Call(vm, KvmIoctl.CreateVcpu, index));
        _runSize = (nuint)runSize;
        nint page = LibC.MMap(0, _runSize, LibC.ProtRead | LibC.ProtWrite, LibC.MapShared, _fd, 0);
        if (page == -1)
        {
            int error = Marshal.GetLastPInvokeError();
            _fd.Dispose();
            throw new KvmException("mmap of a vCPU", error);
        }

        _run = (KvmRun*)page;
        _assistCount = assist;
        _extendedSize = extendedSize;
        if (emulated && assist is not null)
            _systemCalls = new KvmSystemCallEntry(_fd, assist);
        _thread = new Thread(Loop) { IsBackground = true, Name = $"enclave cpu {index}" };
    }

    /// <summary>Exits to this process so far; changes by the CPU's own thread only.</summary>
    public long Exits { get; private set; }

    /// <summary>How fast its time stamp counter runs, in kHz; 0 where KVM does not say, on hosts whose own is not steady.</summary>
    public int TscKilohertz => Math.Max(LibC.IoControl(_fd, KvmIoctl.GetTscKhz, 0), 0);

    /// <summary>Prepares what firmware prepares; the boot CPU also gets its registers.</summary>
    public void Configure(KvmCpuidTable cpuid, in BootEntry? entry)
    {
        _cpuid = cpuid;
        KvmIoctl.Call(_fd, KvmIoctl.SetCpuid2, ref cpuid);
        if (entry is not { } boot)
            return;

        KvmLapicState lapic = default;
        KvmIoctl.Call(_fd, KvmIoctl.GetLapic, ref lapic);
        *(uint*)(lapic.Registers + KvmLapicState.LvtLint0) = 0x700; // ExtINT: the 8259's output
        *(uint*)(lapic.Registers + KvmLapicState.LvtLint1) = 0x400; // NMI
        KvmIoctl.Call(_fd, KvmIoctl.SetLapic, ref lapic);

        var fpu = new KvmFpu { ControlWord = 0x37F, Mxcsr = 0x1F80 };
        KvmIoctl.Call(_fd, KvmIoctl.SetFpu, ref fpu);
        SetMsr(0x1A0, 1); // IA32_MISC_ENABLE: fast strings
        SetMsr(0x2FF, 0xC06); // IA32_MTRR_DEF_TYPE: enabled, write-back, as firmware leaves it

        KvmSregs sregs = default;
        KvmIoctl.Call(_fd, KvmIoctl.GetSregs, ref sregs);
        KvmRegisterConversion.ToKvm(boot.System, ref sregs);
        KvmIoctl.Call(_fd, KvmIoctl.SetSregs, ref sregs);
        KvmRegs regs = KvmRegisterConversion.ToKvm(boot.Registers);
        KvmIoctl.Call(_fd, KvmIoctl.SetRegs, ref regs);
    }

    public void Start() => _thread.Start();

    /// <summary>Makes the thread leave its loop, wherever the guest is.</summary>
    public void RequestStop()
    {
        lock (_parking)
        {
            _stop = true;
            Monitor.PulseAll(_parking);
        }

        Kick();
    }

    /// <summary>Asks the thread to wait between two instructions; <see cref="WaitUntilParked"/> says when it does.</summary>
    public void RequestPause()
    {
        lock (_parking)
            _pause = true;
        Kick();
    }

    /// <summary>Waits until the thread is out of the guest, with every access to a device answered, or has ended.</summary>
    public void WaitUntilParked()
    {
        lock (_parking)
        {
            while (!_parked && !_ended)
                Monitor.Wait(_parking);
        }
    }

    /// <summary>Lets a paused thread go on.</summary>
    /// <param name="noticed">Whether a guest that watches for CPUs that are stuck is told that this one was stopped.</param>
    public void Resume(bool noticed = true)
    {
        // The guest may not use kvmclock at all.
        if (noticed)
            _ = LibC.IoControl(_fd, KvmIoctl.KvmclockCtrl, 0);
        lock (_parking)
        {
            _pause = false;
            Monitor.PulseAll(_parking);
        }
    }

    /// <summary>On the CPU's thread: it waits for others and executes nothing.</summary>
    public void BeginWaiting()
    {
        lock (_parking)
        {
            _parked = true;
            Monitor.PulseAll(_parking);
        }
    }

    /// <summary>On the CPU's thread: it goes on.</summary>
    public void EndWaiting()
    {
        lock (_parking)
            _parked = false;
    }

    /// <summary>Everything KVM knows of the CPU; while it is parked.</summary>
    public KvmVirtualCpuState Capture(uint[] msrs, int extendedSize) => KvmStateTransfer.Capture(_fd, _cpuid, msrs, extendedSize);

    /// <summary>Makes a CPU that has not run yet what another one was.</summary>
    public void Configure(KvmVirtualCpuState state, int extendedSize)
    {
        KvmStateTransfer.Apply(_fd, state, extendedSize);
        if (_systemCalls is { } calls && calls.Restore())
            calls.Watch(Assist);
        _cpuid = KvmCpuidTable.From(state.Cpuid);
    }

    /// <summary>Asks the thread to find out whether the CPU is halted for ever; the answer comes as <see cref="IsDead"/>.</summary>
    public void RequestProbe(int generation)
    {
        _probeWanted = generation;
        Kick();
    }

    /// <summary>Whether the probe of this generation found the CPU halted with interrupts off, or never started.</summary>
    public bool IsDead(int generation) => _probeDone == generation && _dead;

    public void Join()
    {
        if (_thread.ThreadState.HasFlag(ThreadState.Unstarted))
            return;
        _thread.Join();
    }

    public bool TryReadRegisters(out CpuRegisters registers, out CpuSystemRegisters system)
    {
        registers = _registers;
        system = _system;
        return _registersKnown;
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        RequestStop();
        Join();
        _ = LibC.MUnmap((nint)_run, _runSize);
        _fd.Dispose();
        _assist?.Dispose();
    }

    // Most guests on most hosts never need it.
    private KvmSoftwareAssist Assist => _assist ??= new KvmSoftwareAssist(_fd, _index, _memory, _bus, _assistCount!, _extendedSize);

    private void Kick()
    {
        // Before the thread enters KVM_RUN this flag stops it at the door; inside, the signal gets it out.
        Volatile.Write(ref _run->ImmediateExit, 1);
        int thread = Volatile.Read(ref _threadId);
        if (thread != 0)
            LibC.TgKill(thread, KickSignal.Number);
    }

    private void Loop()
    {
        Volatile.Write(ref _threadId, LibC.GetTid());
        try
        {
            while (!_stop && RunOnce())
                Exits++;
            CacheRegisters();
        }
        catch (Exception exception)
        {
            // A device or the loop itself is broken; the test's process must survive and the author must see why.
            _bus.Ended(new VmExit(VmExitReason.HypervisorError, exception.ToString()) { Cpu = _index });
        }
        finally
        {
            Volatile.Write(ref _threadId, 0);
            lock (_parking)
            {
                _ended = true;
                Monitor.PulseAll(_parking);
            }
        }
    }

    private bool RunOnce()
    {
        if (LibC.IoControl(_fd, KvmIoctl.Run, 0) < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error is not (LibC.Interrupted or LibC.Again))
                return End(VmExitReason.HypervisorError, new KvmException("KVM_RUN", error).Message);
            AnswerKick();
            return true;
        }

        switch ((KvmExitReason)_run->ExitReason)
        {
            case KvmExitReason.Io:
                HandleIo();
                return true;
            case KvmExitReason.Mmio:
                HandleMmio();
                return true;
            case KvmExitReason.Intr or KvmExitReason.Hlt:
                AnswerKick();
                return true;
            case KvmExitReason.Shutdown:
                return EndTripleFault();
            case KvmExitReason.SystemEvent:
                return _run->SystemEventType == 2
                    ? End(VmExitReason.Reboot, "The guest asked the hypervisor for a reset.")
                    : End(VmExitReason.Halt, $"KVM reported system event {_run->SystemEventType}.");
            case KvmExitReason.FailEntry:
                return End(VmExitReason.HypervisorError, $"The processor refused to enter the guest (KVM_EXIT_FAIL_ENTRY, hardware reason 0x{_run->HardwareReason:x}).");
            case KvmExitReason.InternalError:
                return _run->InternalSuberror == EmulationFailure && _assistCount is not null ? AssistInstruction() : EndInternalError(null);
            case KvmExitReason.Debug when _systemCalls is not null:
                return Continue(_systemCalls.Handle(Assist, out string? failure), failure);
            case KvmExitReason.X86Wrmsr when _systemCalls is not null && _run->MsrIndex == KvmSystemCallEntry.EntryRegister:
                _run->MsrError = (byte)(_systemCalls.TrySetEntry(_run->MsrData, Assist) ? 0 : 1);
                return true;
            default:
                return End(VmExitReason.HypervisorError, $"KVM stopped with exit reason {_run->ExitReason}, which this machine never asks for.");
        }
    }

    private void AnswerKick()
    {
        Volatile.Write(ref _run->ImmediateExit, 0);
        // A stop that comes now sets the flag again; one that came before is seen by the loop.
        Thread.MemoryBarrier();
        if (_stop)
            return;
        if (_pause)
            Park();
        int wanted = _probeWanted;
        if (wanted == _probeDone)
            return;
        int state = MpStateUninitialized;
        KvmIoctl.Call(_fd, KvmIoctl.GetMpState, ref state);
        _dead = state == MpStateUninitialized || (state == MpStateHalted && _run->InterruptFlag == 0);
        _probeDone = wanted;
    }

    private void Park()
    {
        lock (_parking)
        {
            _parked = true;
            Monitor.PulseAll(_parking);
            while (_pause && !_stop)
                Monitor.Wait(_parking);
            _parked = false;
        }
    }

    private void HandleIo()
    {
        byte* data = (byte*)_run + _run->IoDataOffset;
        int size = _run->IoSize;
        ushort port = _run->IoPort;
        bool isOut = _run->IoDirection == 1;
        for (uint i = 0; i < _run->IoCount; i++, data += size)
        {
            if (isOut)
            {
                uint value = size switch { 1 => *data, 2 => *(ushort*)data, _ => *(uint*)data };
                _bus.WritePort(port, size, value);
                continue;
            }

            uint answer = _bus.ReadPort(port, size);
            switch (size)
            {
                case 1:
                    *data = (byte)answer;
                    break;
                case 2:
                    *(ushort*)data = (ushort)answer;
                    break;
                default:
                    *(uint*)data = answer;
                    break;
            }
        }
    }

    private void HandleMmio()
    {
        var data = new Span<byte>(_run->MmioData, (int)Math.Min(_run->MmioLength, 8));
        if (_run->MmioIsWrite != 0)
            _bus.WriteMmio(new GuestAddress(_run->MmioAddress), data);
        else
            _bus.ReadMmio(new GuestAddress(_run->MmioAddress), data);
    }

    private bool AssistInstruction()
    {
        if (_exclusion is null || !Assist.IsLocked())
            return Continue(Assist.Execute(counted: true, out string? failure), failure);
        _exclusion.Enter(this);
        try
        {
            return Continue(Assist.Execute(counted: true, out string? failure), failure);
        }
        finally
        {
            _exclusion.Leave(this, noticed: false);
        }
    }

    private bool Continue(CpuStop stop, string? failure)
    {
        if (failure is not null)
            return Assist.TryRefuseToUser() || EndInternalError(failure);
        return stop != CpuStop.TripleFault || EndTripleFault();
    }

    private bool EndTripleFault() => End(VmExitReason.TripleFault, "A virtual CPU could not deliver a double fault and shut down.");

    private bool EndInternalError(string? assistFailure)
    {
        uint suberror = _run->InternalSuberror;
        byte[]? bytes = null;
        if (suberror == EmulationFailure && _run->InternalDataCount >= 3 && (_run->EmulationFlags & 1) != 0)
        {
            int size = Math.Min((int)_run->InstructionSize, LongestInstruction);
            bytes = new ReadOnlySpan<byte>(_run->InstructionBytes, size).ToArray();
        }

        string detail = suberror == EmulationFailure
            ? "KVM could not emulate an instruction (KVM_EXIT_INTERNAL_ERROR, suberror 1)."
            : $"KVM reported an internal error (KVM_EXIT_INTERNAL_ERROR, suberror {suberror}).";
        if (assistFailure is not null)
            detail += $" The software CPU was asked to execute it, and could not: {assistFailure}.";
        return End(VmExitReason.HypervisorError, detail, bytes);
    }

    private bool End(VmExitReason reason, string detail, byte[]? instructionBytes = null)
    {
        CacheRegisters();
        _bus.Ended(new VmExit(reason, detail)
        {
            Cpu = _index,
            Registers = _registersKnown ? _registers : null,
            InstructionBytes = instructionBytes ?? ReadInstructionBytes(),
        });
        return false;
    }

    private void CacheRegisters()
    {
        KvmRegs regs = default;
        KvmSregs sregs = default;
        KvmIoctl.Call(_fd, KvmIoctl.GetRegs, ref regs);
        KvmIoctl.Call(_fd, KvmIoctl.GetSregs, ref sregs);
        _registers = KvmRegisterConversion.FromKvm(regs);
        _system = KvmRegisterConversion.FromKvm(sregs);
        _registersKnown = true;
    }

    private byte[] ReadInstructionBytes()
    {
        if (!_registersKnown)
            return [];
        var bytes = new List<byte>(LongestInstruction);
        ulong address = _system.Cs.Base + _registers.Rip;
        while (bytes.Count < LongestInstruction)
        {
            var translation = new KvmTranslation { LinearAddress = address };
            KvmIoctl.Call(_fd, KvmIoctl.Translate, ref translation);
            int onPage = (int)Math.Min(4096 - (address & 4095), (ulong)(LongestInstruction - bytes.Count));
            if (translation.Valid == 0 || !_memory.TryGetSpan(new GuestAddress(translation.PhysicalAddress), (ulong)onPage, out Span<byte> span))
                break;
            bytes.AddRange(span);
            address += (ulong)onPage;
        }

        return [.. bytes];
    }

    private void SetMsr(uint index, ulong value)
    {
        var msr = new KvmOneMsr { Count = 1, Entry = new KvmMsrEntry { Index = index, Value = value } };
        // KVM answers with the number of registers it took; a host without one of these runs guests all the same.
        KvmIoctl.Call(_fd, KvmIoctl.SetMsrs, ref msr);
    }
}
