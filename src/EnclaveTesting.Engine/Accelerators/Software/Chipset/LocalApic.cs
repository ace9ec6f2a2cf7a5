using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Chipset;

/// <summary>
/// The local APIC of one CPU (SDM vol. 3, chapter 11): registers by MMIO (xAPIC) or by MSRs (x2APIC), interrupt acceptance and
/// priorities, local sources, and commands to other CPUs.
/// </summary>
internal sealed class LocalApic
{
    /// <summary>Bits of IA32_APIC_BASE.</summary>
    public const ulong BootCpu = 1 << 8, X2Mode = 1 << 10, GlobalEnable = 1 << 11;

    private const ulong BaseReserved = 0xFFF0_0000_0000_02FF;
    private const uint Masked = 1 << 16, RemoteIrr = 1 << 14, LevelMode = 1 << 15, SoftwareEnable = 1 << 8;
    private const uint Version = 0x14 | ((LocalApicState.LocalVectors - 1) << 16);
    private const uint SendIllegalVector = 1 << 5, ReceiveIllegalVector = 1 << 6, IllegalRegister = 1 << 7;
    private const int Timer = 0, Lint0 = 3, Lint1 = 4, ErrorVector = 5;
    private const int FirstVector = 16;
    private const uint ExternalUnmasked = 0x700, NonMaskableUnmasked = 0x400;
    private const uint ShorthandSelf = 1 << 18, ShorthandMask = 3 << 18, ShorthandAll = 2 << 18;

    private readonly ApicBus _bus;
    private readonly LocalApicTimer _timer;

    /// <summary>Makes the APIC of the CPU with this index, which is its APIC id, as it is after power-on.</summary>
    public LocalApic(int id, MachineClock clock, ApicBus bus)
    {
        Id = id;
        _bus = bus;
        State = new LocalApicState { Base = Memory.MemoryLayout.LocalApic | GlobalEnable | (id == 0 ? BootCpu : 0) };
        _timer = new LocalApicTimer(State, clock, () => RaiseLocal(Timer));
    }

    public LocalApicState State { get; }

    public int Id { get; }

    /// <summary>Where the registers are mapped in xAPIC mode; null where they are not.</summary>
    public ulong? Window => (State.Base & (GlobalEnable | X2Mode)) == GlobalEnable ? State.Base & ~0xFFFUL : null;

    /// <summary>Whether the APIC takes part in interrupts that have a vector.</summary>
    public bool IsEnabled => IsPresent && (State.SpuriousVector & SoftwareEnable) != 0;

    /// <summary>Whether the CPU takes the interrupts of the 8259 pair, which is wired to LINT0.</summary>
    public bool TakesExternal => !IsPresent || (State.LocalVectorTable[Lint0] & (Masked | 0x700)) == ExternalUnmasked;

    /// <summary>The task priority as CR8 shows it: 0 to 15.</summary>
    public ulong TaskPriorityClass
    {
        get => State.TaskPriority >> 4;
        set => SetTaskPriority((uint)(value & 0xF) << 4);
    }

    /// <summary>PPR.</summary>
    public uint ProcessorPriority
    {
        get
        {
            uint service = (uint)Math.Max(VectorSet.Highest(State.InService), 0);
            return (State.TaskPriority & 0xF0) >= (service & 0xF0) ? State.TaskPriority : service & 0xF0;
        }
    }

    /// <summary>The vector that the CPU would get now, or -1.</summary>
    public int Pending
    {
        get
        {
            int vector = VectorSet.Highest(State.Requested);
            return vector >= 0 && (uint)(vector & 0xF0) > (ProcessorPriority & 0xF0) && IsEnabled ? vector : -1;
        }
    }

    /// <summary>What the CPU's time-stamp counter is ahead of the machine's clock.</summary>
    public ulong TscOffset
    {
        get => _timer.TscOffset;
        set => _timer.TscOffset = value;
    }

    /// <summary>IA32_TSC_DEADLINE.</summary>
    public ulong TscDeadline
    {
        get => _timer.TscDeadline;
        set => _timer.TscDeadline = value;
    }

    private bool IsPresent => (State.Base & GlobalEnable) != 0;

    private bool IsX2 => (State.Base & X2Mode) != 0;

    private uint LogicalDestination => IsX2 ? ((uint)Id >> 4 << 16) | (1u << (Id & 0xF)) : State.LogicalDestination;

    /// <summary>Leaves the two local pins as firmware does for the boot CPU: the 8259 pair on LINT0, NMI on LINT1.</summary>
    public void PrepareForBoot()
    {
        State.LocalVectorTable[Lint0] = ExternalUnmasked;
        State.LocalVectorTable[Lint1] = NonMaskableUnmasked;
    }

    /// <summary>What INIT does: all but the base register is as after power-on.</summary>
    public void Reset()
    {
        State.LogicalDestination = 0;
        State.DestinationFormat = uint.MaxValue;
        State.TaskPriority = 0;
        State.SpuriousVector = 0xFF;
        State.ErrorStatus = State.PendingErrors = 0;
        State.InterruptCommand = 0;
        State.TimerDivide = 0;
        Array.Fill(State.LocalVectorTable, Masked);
        Array.Clear(State.Requested);
        Array.Clear(State.InService);
        Array.Clear(State.LevelTriggered);
        _timer.Stop();
    }

    /// <summary>Saves the registers and the timer, or restores them.</summary>
    public void Exchange(StateArchive archive)
    {
        State.Exchange(archive);
        _timer.Exchange(archive);
    }

    /// <summary>Whether a message is for this APIC (SDM vol. 3, 11.6.2 and 11.12.10).</summary>
    public bool IsTarget(in ApicMessage message)
    {
        uint destination = message.Destination;
        if (destination == (message.Wide ? uint.MaxValue : 0xFF))
            return true;
        if (!message.Logical)
            return destination == (uint)Id;
        uint own = LogicalDestination;
        if (IsX2)
            return destination >> 16 == own >> 16 && (destination & own & 0xFFFF) != 0;
        if (destination > 0xFF)
            return false;
        own >>= 24;
        return State.DestinationFormat >> 28 == 0xF
            ? (destination & own) != 0
            : destination >> 4 == own >> 4 && (destination & own & 0xF) != 0;
    }

    /// <summary>Takes an interrupt with a vector into IRR.</summary>
    public void Accept(byte vector, bool level)
    {
        if (!IsEnabled)
            return;
        if (vector < FirstVector)
        {
            Fail(ReceiveIllegalVector);
            return;
        }

        VectorSet.Add(State.Requested, vector);
        if (level)
            VectorSet.Add(State.LevelTriggered, vector);
        else
            VectorSet.Remove(State.LevelTriggered, vector);
        Announce();
    }

    /// <summary>Acknowledges: moves the highest vector from IRR to ISR and returns it; -1 if none may be delivered.</summary>
    public int Take()
    {
        int vector = Pending;
        if (vector < 0)
            return -1;
        VectorSet.Remove(State.Requested, vector);
        VectorSet.Add(State.InService, vector);
        return vector;
    }

    /// <summary>A load from the window, in xAPIC mode; registers are 32 bits wide, at multiples of 16.</summary>
    public ulong ReadMmio(uint offset, int size)
    {
        // Parts of a register may be read, but not across its end.
        int shift = (int)(offset & 0xF) * 8;
        if (shift + (size * 8) > 32)
            return 0;
        uint mask = size == 4 ? uint.MaxValue : (1u << (size * 8)) - 1;
        return ReadRegister(offset >> 4) >> shift & mask;
    }

    /// <summary>A store to the window, in xAPIC mode; only whole registers can be written.</summary>
    public void WriteMmio(uint offset, int size, uint value)
    {
        if (size == sizeof(uint) && (offset & 0xF) == 0)
            WriteRegister(offset >> 4, value);
    }

    /// <summary>IA32_APIC_BASE, IA32_TSC_DEADLINE and, in x2APIC mode, the registers; false makes the CPU raise #GP.</summary>
    public bool TryReadMsr(uint index, out ulong value)
    {
        value = 0;
        if (!IsX2 || index is < ApicRegister.FirstMsr or > ApicRegister.LastMsr)
            return false;
        uint register = index - ApicRegister.FirstMsr;
        if (register is ApicRegister.EndOfInterrupt or ApicRegister.SelfCommand || !ApicRegister.ExistsInX2(register))
            return false;
        value = register == ApicRegister.CommandLow ? State.InterruptCommand : ReadRegister(register);
        return true;
    }

    /// <summary>The same, written.</summary>
    public bool TryWriteMsr(uint index, ulong value)
    {
        if (!IsX2 || index is < ApicRegister.FirstMsr or > ApicRegister.LastMsr)
            return false;
        uint register = index - ApicRegister.FirstMsr;
        if (register == ApicRegister.CommandLow)
        {
            State.InterruptCommand = value & ~(1UL << 12);
            Send();
            return true;
        }

        if (!ApicRegister.IsWritableInX2(register) || value >> 32 != 0)
            return false;
        switch (register)
        {
            case ApicRegister.EndOfInterrupt or ApicRegister.ErrorStatus when value != 0:
                return false;
            case ApicRegister.SelfCommand:
                Deliver(new ApicMessage(ApicDelivery.Fixed, (byte)value, (uint)Id, Logical: false, Level: false, Wide: true));
                return true;
            default:
                WriteRegister(register, (uint)value);
                return true;
        }
    }

    /// <summary>Writes IA32_APIC_BASE; false for what the SDM (11.12.5) forbids.</summary>
    public bool TrySetBase(ulong value)
    {
        bool enable = (value & GlobalEnable) != 0, x2 = (value & X2Mode) != 0;
        if ((value & BaseReserved) != 0 || (x2 && !enable) || (x2 && !IsPresent) || (IsX2 && enable && !x2))
            return false;
        if (!enable && IsPresent)
            Reset();
        if (x2 && !IsX2)
            State.InterruptCommand &= uint.MaxValue;
        State.Base = (value & ~BootCpu) | (State.Base & BootCpu);
        return true;
    }

    private uint ReadRegister(uint register) => register switch
    {
        ApicRegister.Id => IsX2 ? (uint)Id : (uint)Id << 24,
        ApicRegister.Version => Version,
        ApicRegister.TaskPriority => State.TaskPriority,
        ApicRegister.ProcessorPriority => ProcessorPriority,
        ApicRegister.LogicalDestination => LogicalDestination,
        ApicRegister.DestinationFormat => State.DestinationFormat,
        ApicRegister.Spurious => State.SpuriousVector,
        >= ApicRegister.InService and < ApicRegister.TriggerMode => VectorSet.Register(State.InService, (int)(register - ApicRegister.InService)),
        >= ApicRegister.TriggerMode and < ApicRegister.Requested => VectorSet.Register(State.LevelTriggered, (int)(register - ApicRegister.TriggerMode)),
        >= ApicRegister.Requested and < ApicRegister.ErrorStatus => VectorSet.Register(State.Requested, (int)(register - ApicRegister.Requested)),
        ApicRegister.ErrorStatus => State.ErrorStatus,
        ApicRegister.CommandLow => (uint)State.InterruptCommand,
        ApicRegister.CommandHigh => (uint)(State.InterruptCommand >> 32),
        >= ApicRegister.LocalVectors and < ApicRegister.InitialCount => State.LocalVectorTable[register - ApicRegister.LocalVectors],
        ApicRegister.InitialCount => State.TimerInitialCount,
        ApicRegister.CurrentCount => _timer.CurrentCount,
        ApicRegister.Divide => State.TimerDivide,
        _ => Unknown(),
    };

    private void WriteRegister(uint register, uint value)
    {
        switch (register)
        {
            case ApicRegister.TaskPriority:
                SetTaskPriority(value & 0xFF);
                break;
            case ApicRegister.EndOfInterrupt:
                EndInterrupt();
                break;
            case ApicRegister.LogicalDestination:
                State.LogicalDestination = value & 0xFF00_0000;
                break;
            case ApicRegister.DestinationFormat:
                State.DestinationFormat = value | 0x0FFF_FFFF;
                break;
            case ApicRegister.Spurious:
                SetSpurious(value);
                break;
            case ApicRegister.ErrorStatus:
                State.ErrorStatus = State.PendingErrors;
                State.PendingErrors = 0;
                break;
            case ApicRegister.CommandHigh:
                State.InterruptCommand = (State.InterruptCommand & uint.MaxValue) | ((ulong)(value & 0xFF00_0000) << 32);
                break;
            case ApicRegister.CommandLow:
                State.InterruptCommand = (State.InterruptCommand & ~(ulong)uint.MaxValue) | (value & ~(1u << 12));
                Send();
                break;
            case >= ApicRegister.LocalVectors and < ApicRegister.InitialCount:
                SetLocalVector((int)(register - ApicRegister.LocalVectors), value);
                break;
            case ApicRegister.InitialCount:
                _timer.SetInitialCount(value);
                break;
            case ApicRegister.Divide:
                _timer.SetDivide(value);
                break;
            default:
                Unknown();
                break;
        }
    }

    private uint Unknown()
    {
        Fail(IllegalRegister);
        return 0;
    }

    private void SetTaskPriority(uint value)
    {
        State.TaskPriority = value;
        Announce();
    }

    private void SetSpurious(uint value)
    {
        State.SpuriousVector = value & 0x3FF;
        if ((value & SoftwareEnable) == 0)
        {
            for (int i = 0; i < LocalApicState.LocalVectors; i++)
                State.LocalVectorTable[i] |= Masked;
        }

        Announce();
    }

    private void SetLocalVector(int entry, uint value)
    {
        uint writable = entry switch
        {
            Timer => 0xFF | Masked | LocalApicTimer.ModeMask,
            Lint0 or Lint1 => 0xFF | 0x700 | (1 << 13) | LevelMode | Masked,
            ErrorVector => 0xFF | Masked,
            _ => 0xFF | 0x700 | Masked,
        };
        uint before = State.LocalVectorTable[entry];
        State.LocalVectorTable[entry] = (value & writable) | (before & RemoteIrr) | ((State.SpuriousVector & SoftwareEnable) == 0 ? Masked : 0);
        if (entry == Timer)
            _timer.ModeChanged(before);
        else if (entry == Lint0)
            _bus.ExternalWiringChanged(this);
    }

    private void EndInterrupt()
    {
        int vector = VectorSet.Highest(State.InService);
        if (vector < 0)
            return;
        VectorSet.Remove(State.InService, vector);
        if (VectorSet.Has(State.LevelTriggered, vector))
            _bus.EndOfInterrupt((byte)vector);
        Announce();
    }

    private void Send()
    {
        uint command = (uint)State.InterruptCommand;
        var delivery = (ApicDelivery)(command >> 8 & 7);
        bool level = (command & LevelMode) != 0, assert = (command & 1 << 14) != 0;
        // A level de-assert only synchronises the arbitration of processors older than this one.
        if (delivery == ApicDelivery.Init && level && !assert)
            return;
        uint destination = (uint)(State.InterruptCommand >> 32);
        var message = new ApicMessage(delivery, (byte)command, IsX2 ? destination : destination >> 24, (command & 1 << 11) != 0, Level: false, IsX2);
        switch (command & ShorthandMask)
        {
            case ShorthandSelf:
                message = message with { Destination = (uint)Id, Logical = false, Wide = true };
                break;
            case not 0:
                bool all = (command & ShorthandMask) == ShorthandAll;
                Deliver(message with { Destination = uint.MaxValue, Logical = false, Wide = true }, all ? null : this);
                return;
        }

        Deliver(message);
    }

    private void Deliver(in ApicMessage message, LocalApic? except = null)
    {
        if (message.Delivery is ApicDelivery.Fixed or ApicDelivery.LowestPriority && message.Vector < FirstVector)
            Fail(SendIllegalVector);
        else
            _bus.Send(message, except);
    }

    private void RaiseLocal(int entry)
    {
        uint vector = State.LocalVectorTable[entry];
        if ((vector & Masked) == 0)
            Accept((byte)vector, level: false);
    }

    private void Fail(uint error)
    {
        bool isNew = (State.PendingErrors & error) == 0;
        State.PendingErrors |= error;
        // An error vector that is itself illegal must not report itself for ever.
        if (isNew && (byte)State.LocalVectorTable[ErrorVector] >= FirstVector)
            RaiseLocal(ErrorVector);
    }

    private void Announce()
    {
        if (Pending >= 0)
            _bus.InterruptPending(this);
    }
}
