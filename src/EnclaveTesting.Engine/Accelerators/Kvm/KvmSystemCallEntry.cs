using System.Runtime.Versioning;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>
/// SYSCALL on a KVM that emulates ring 0 and lets ring 3 run natively: there the instruction goes to the kernel's entry but stays in ring 3, so
/// that the guest gets a page fault for fetching its own kernel. A breakpoint at its page fault handler finds these, takes the fault back
/// and carries the instruction out on the software CPU.
/// </summary>
/// <param name="fd">The virtual CPU's descriptor; stays the caller's.</param>
/// <param name="count">Counts the system calls.</param>
[SupportedOSPlatform("linux")]
internal sealed unsafe class KvmSystemCallEntry(FileDescriptor fd, KvmAssistCount count)
{
    /// <summary>LSTAR, whose writes exit.</summary>
    public const uint EntryRegister = 0xC000_0082;

    private const int PageFault = 14, GateSize = 16;
    private const ushort SystemCallInstruction = 0x050F;
    private const uint UserCode64 = 0xA0FB, UserData = 0xC0F3;

    private ulong _entry, _handler;

    /// <summary>The guest sets its entry; false: #GP.</summary>
    public bool TrySetEntry(ulong value, KvmSoftwareAssist assist)
    {
        if (!KvmStateTransfer.TryWriteMsr(fd, EntryRegister, value))
            return false;
        _entry = value;
        Watch(assist);
        return true;
    }

    /// <summary>A CPU that was saved goes on: whether its guest has set an entry, and <see cref="Watch(KvmSoftwareAssist)"/> is called for.</summary>
    public bool Restore() => KvmStateTransfer.TryReadMsr(fd, EntryRegister, out _entry) && _entry != 0;

    /// <summary>Watches the guest's page fault handler.</summary>
    public void Watch(KvmSoftwareAssist assist)
    {
        assist.Load();
        Watch(assist.Cpu);
    }

    /// <summary>The guest is about to enter its page fault handler, or another place that was watched before.</summary>
    /// <param name="assist">Has the registers afterwards.</param>
    /// <param name="failure">Why it cannot go on, or null.</param>
    public CpuStop Handle(KvmSoftwareAssist assist, out string? failure)
    {
        Watch(assist);
        // KVM would stop at the same instruction again; so the first one of the handler is executed here.
        if (!TryTakeBack(assist))
            return assist.Execute(counted: false, out failure);
        failure = null;
        assist.LoadMsrs();
        CpuStop stop = assist.Cpu.Step();
        assist.Store(withMsrs: false);
        count.NoteSystemCall();
        return stop;
    }

    // The stack has error code, RIP, CS, RFLAGS, RSP, SS. RCX and R11 are as SYSCALL leaves them.
    private bool TryTakeBack(KvmSoftwareAssist assist)
    {
        SoftwareCpu cpu = assist.Cpu;
        CpuState* state = cpu.State;
        ulong frame = state->Gpr[4], back = state->Gpr[1];
        bool isEntry = state->Rip == _handler
            && cpu.TryPeek(frame + 8, out ulong rip) && rip == _entry
            && cpu.TryPeek(frame + 16, out ulong cs) && (cs & 3) == 3
            && cpu.TryPeek(frame + 32, out ulong _) && cpu.TryPeek(frame + 40, out ulong _)
            && cpu.TryPeek(back - 2, out ushort instruction) && instruction == SystemCallInstruction;
        if (!isEntry)
            return false;
        cpu.TryPeek(frame + 16, out ulong code);
        cpu.TryPeek(frame + 32, out ulong stack);
        cpu.TryPeek(frame + 40, out ulong data);
        SetFlat(state, CpuState.Cs, (ushort)code, UserCode64);
        SetFlat(state, CpuState.Ss, (ushort)data, UserData);
        state->Cpl = 3;
        state->Gpr[4] = stack;
        state->Rip = back - 2;
        state->SetFlags(state->Gpr[11]);
        cpu.StateReplaced();
        return true;
    }

    private static void SetFlat(CpuState* state, int segment, ushort selector, uint attributes)
    {
        state->SegmentSelector[segment] = selector;
        state->SegmentBase[segment] = 0;
        state->SegmentLimit[segment] = uint.MaxValue;
        state->SegmentAttributes[segment] = attributes;
    }

    private void Watch(SoftwareCpu cpu)
    {
        ulong gate = cpu.State->IdtrBase + (PageFault * GateSize);
        if ((cpu.State->Efer & EferBits.LongModeActive) == 0 || !cpu.TryPeek(gate, out ulong low) || !cpu.TryPeek(gate + 8, out ulong high))
            return;
        ulong handler = (low & 0xFFFF) | (low >> 48 << 16) | (high << 32);
        if (handler == _handler)
            return;
        _handler = handler;
        var debug = new KvmGuestDebug { Control = KvmGuestDebug.Enable | KvmGuestDebug.UseHardwareBreakpoints };
        const ulong enabled = 0x402; // global, execution, one byte
        debug.DebugRegisters[0] = handler;
        debug.DebugRegisters[7] = enabled;
        KvmIoctl.Call(fd, KvmIoctl.SetGuestDebug, ref debug);
    }
}
