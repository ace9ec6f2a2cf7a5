using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>
/// Executes on the software CPU what a virtual CPU of KVM stopped at: its registers go over, one instruction is executed (and the vector
/// and floating-point instructions that follow it), and what has changed goes back. All on the virtual CPU's thread.
/// </summary>
[SupportedOSPlatform("linux")]
internal sealed unsafe class KvmSoftwareAssist : IDisposable
{
    private const int LongestInstruction = 15, LongestRun = 64, InvalidOpcode = 6;
    private const int StateBits = 512, XmmBytes = 256, VectorCount = 16;
    private const ulong X87Bit = 1, SseBit = 2, AvxBit = 4, Virtual8086 = 1UL << 17;
    private const uint MsrKernelGsBase = 0xC000_0102, MsrTscAux = 0xC000_0103;

    private static readonly Code[] NeedMsrs =
    [
        Code.Syscall, Code.Sysretd, Code.Sysretq, Code.Sysenter, Code.Sysexitd, Code.Sysexitq, Code.Swapgs, Code.Rdtscp, Code.Rdpid_r32, Code.Rdpid_r64,
    ];

    // With components that the software CPU does not have.
    private static readonly Code[] Compacted = [Code.Xsaves_mem, Code.Xsaves64_mem, Code.Xrstors_mem, Code.Xrstors64_mem];

    // What KVM executes by itself, and what reaches state that stays with KVM.
    private static readonly Code[] NotHere =
    [
        Code.Rdmsr, Code.Wrmsr, Code.Cpuid, Code.Hlt, Code.Mov_r32_dr, Code.Mov_r64_dr, Code.Mov_dr_r32, Code.Mov_dr_r64,
    ];

    private readonly FileDescriptor _fd;
    private readonly KvmAssistCount _count;
    private readonly KvmAssistPlatform _platform;
    private readonly SoftwareCpu _cpu;
    private readonly CodeBytes _code = new();
    private readonly Decoder[] _decoders;
    private readonly VAGetRegisterValue _addressRegister;
    private readonly byte[] _extended, _extendedBefore;
    private byte[] _area = [];
    private readonly int _extendedSize;
    private KvmRegs _regs;
    private KvmSregs _sregs;
    private KvmVcpuEvents _events;
    private KvmXcrs _xcrs;

    /// <summary>Creates the software CPU; it costs some hundred KiB.</summary>
    /// <param name="fd">The virtual CPU's descriptor; stays the caller's.</param>
    /// <param name="index">Its number.</param>
    /// <param name="memory">The guest's RAM.</param>
    /// <param name="bus">The machine's devices.</param>
    /// <param name="count">Counts what was executed.</param>
    /// <param name="extendedSize">KVM_CAP_XSAVE2.</param>
    public KvmSoftwareAssist(FileDescriptor fd, int index, GuestMemory memory, IMachineBus bus, KvmAssistCount count, int extendedSize)
    {
        _fd = fd;
        _count = count;
        _platform = new KvmAssistPlatform(fd, bus);
        _cpu = new SoftwareCpu(index, memory, _platform, translation: TranslationMode.Off);
        _decoders = [Decoder.Create(16, _code), Decoder.Create(32, _code), Decoder.Create(64, _code)];
        _addressRegister = ReadAddressRegister;
        _extendedSize = extendedSize;
        _extended = new byte[Math.Max(extendedSize, KvmStateTransfer.ClassicExtendedSize)];
        _extendedBefore = new byte[_extended.Length];
    }

    /// <summary>The guest's registers, which <see cref="Load"/> has brought.</summary>
    public SoftwareCpu Cpu => _cpu;

    /// <summary>Whether the instruction at which the virtual CPU stands is one whole for other CPUs too, which the software CPU cannot make it.</summary>
    public bool IsLocked()
    {
        Load();
        Span<byte> bytes = stackalloc byte[LongestInstruction];
        Instruction instruction = Decode(bytes[.._cpu.PeekCode(bytes)]);
        return instruction.HasLockPrefix || (instruction.Mnemonic == Mnemonic.Xchg && instruction.Op0Kind == OpKind.Memory);
    }

    /// <summary>Executes the instruction at which the virtual CPU stands.</summary>
    /// <param name="counted">Whether it is one that KVM could not execute.</param>
    /// <param name="failure">Why nothing was executed, or null.</param>
    /// <returns>What became of the CPU.</returns>
    public CpuStop Execute(bool counted, out string? failure)
    {
        Load();
        failure = WhyNot(out Instruction instruction);
        if (failure is not null)
            return CpuStop.Budget;
        if (Compacted.Contains(instruction.Code))
        {
            failure = ExchangeCompacted(instruction, counted);
            return CpuStop.Budget;
        }

        bool withMsrs = NeedMsrs.Contains(instruction.Code);
        if (withMsrs)
            LoadMsrs();
        CpuStop stop = CpuStop.Budget;
        Span<byte> bytes = stackalloc byte[LongestInstruction];
        for (int i = 0; i < LongestRun; i++)
        {
            int length = _cpu.PeekCode(bytes);
            if (i > 0 && !GoesOn(bytes[..length], out instruction))
                break;
            ulong rip = _cpu.State->Rip;
            stop = _cpu.Step();
            failure = _platform.Refusal;
            if (failure is not null)
                return CpuStop.Budget;
            if (counted)
                _count.Note(instruction, bytes[..Math.Min(length, instruction.Length)]);
            // A jump, a fault or a repetition: KVM goes on.
            if (stop != CpuStop.Budget || _cpu.State->Rip != rip + (uint)instruction.Length)
                break;
        }

        Store(withMsrs);
        return stop;
    }

    /// <summary>Brings the virtual CPU's state to the software CPU.</summary>
    public void Load()
    {
        KvmIoctl.Call(_fd, KvmIoctl.GetRegs, ref _regs);
        KvmIoctl.Call(_fd, KvmIoctl.GetSregs, ref _sregs);
        KvmIoctl.Call(_fd, KvmIoctl.GetVcpuEvents, ref _events);
        _platform.Begin(_sregs.ApicBase, _sregs.Cr8);
        _cpu.Load(KvmRegisterConversion.FromKvm(_regs), KvmRegisterConversion.FromKvm(_sregs));
        CpuState* state = _cpu.State;
        state->InterruptShadow = (byte)(_events.InterruptShadow != 0 ? 1 : 0);
        KvmIoctl.Call(_fd, KvmIoctl.GetXcrs, ref _xcrs);
        state->Xcr0 = _xcrs.Value;
        LoadExtended();
        _cpu.UpdateMode();
    }

    /// <summary>Writes what has changed back; without <paramref name="withMsrs"/> those registers stay KVM's.</summary>
    public void Store(bool withMsrs)
    {
        CpuState* state = _cpu.State;
        KvmRegs regs = KvmRegisterConversion.ToKvm(_cpu.ReadRegisters());
        if (!Same(regs, _regs))
            KvmIoctl.Call(_fd, KvmIoctl.SetRegs, ref regs);
        KvmSregs sregs = _sregs;
        KvmRegisterConversion.ToKvm(_cpu.ReadSystemRegisters(), ref sregs);
        if (!Same(sregs, _sregs))
            KvmIoctl.Call(_fd, KvmIoctl.SetSregs, ref sregs);
        if (state->Xcr0 != _xcrs.Value)
        {
            _xcrs.Value = state->Xcr0;
            KvmIoctl.Call(_fd, KvmIoctl.SetXcrs, ref _xcrs);
        }

        StoreExtended();
        if (withMsrs)
            StoreMsrs();
        // KVM may have made #UD pending for what it did not know; and the shadow of STI is over.
        bool undefined = (_events.ExceptionInjected != 0 || _events.ExceptionPending != 0) && _events.ExceptionNumber == InvalidOpcode;
        bool shadow = (_events.InterruptShadow != 0) != (state->InterruptShadow != 0);
        if (undefined || shadow)
        {
            if (undefined)
                _events.ExceptionInjected = _events.ExceptionPending = 0;
            _events.InterruptShadow = (byte)(state->InterruptShadow != 0 ? KvmVcpuEvents.ShadowOfSti : 0);
            KvmIoctl.Call(_fd, KvmIoctl.SetVcpuEvents, ref _events);
        }
    }

    /// <summary>
    /// Gives the guest #UD instead; for ring 3, where KVM itself does so if it is not told to report what it cannot emulate. False for the kernel,
    /// which would not survive it.
    /// </summary>
    public bool TryRefuseToUser()
    {
        if (_cpu.State->Cpl != 3)
            return false;
        _events.ExceptionInjected = 1;
        _events.ExceptionPending = _events.ExceptionHasError = 0;
        _events.ExceptionNumber = InvalidOpcode;
        KvmIoctl.Call(_fd, KvmIoctl.SetVcpuEvents, ref _events);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose() => _cpu.Dispose();

    private string? WhyNot(out Instruction instruction)
    {
        Span<byte> bytes = stackalloc byte[LongestInstruction];
        int length = _cpu.PeekCode(bytes);
        instruction = default;
        if ((_regs.Rflags & Virtual8086) != 0)
            return "virtual-8086 mode is nothing that it knows";
        if (length == 0)
            return null; // fetching faults, and that is what the guest gets
        instruction = Decode(bytes[..length]);
        if (instruction.IsInvalid)
            return null; // #UD is what a processor does
        if (NotHere.Contains(instruction.Code))
            return $"it leaves {instruction} to KVM";
        return InstructionSet.Table.Contains(instruction.Code) || Compacted.Contains(instruction.Code) ? null : $"the software CPU does not know {instruction} either";
    }

    private bool GoesOn(ReadOnlySpan<byte> bytes, out Instruction instruction)
    {
        instruction = Decode(bytes);
        return !instruction.IsInvalid && InstructionSet.Table.Contains(instruction.Code) && InstructionSet.Table.GroupOf(instruction.Code) != OpGroup.Integer;
    }

    private Instruction Decode(ReadOnlySpan<byte> bytes)
    {
        Decoder decoder = _decoders[(int)(_cpu.Mode & CpuMode.CodeSize)];
        _code.Set(bytes);
        decoder.IP = _cpu.State->Rip;
        decoder.Decode(out Instruction instruction);
        return instruction;
    }

    private string? ExchangeCompacted(in Instruction instruction, bool counted)
    {
        CpuState* state = _cpu.State;
        bool ready = state->Cpl == 0 && (state->Cr4 & ControlBits.Cr4Osxsave) != 0 && (state->Cr0 & ControlBits.Cr0Ts) == 0 && (_cpu.Mode & CpuMode.CodeSize) == CpuMode.Code64;
        if (!ready)
            return $"{instruction} would fault, or is not in 64-bit mode";
        ulong requested = ((state->Gpr[2] << 32) | (uint)state->Gpr[0]) & state->Xcr0;
        ulong address = instruction.GetVirtualAddress(0, 0, _addressRegister);
        bool isSave = instruction.Code is Code.Xsaves_mem or Code.Xsaves64_mem;
        int size = KvmCompactedState.Size(isSave ? requested : state->Xcr0);
        if (_area.Length < size)
            _area = new byte[size];
        Span<byte> area = _area.AsSpan(0, size);
        if ((address & 63) != 0 || !TryCopy(address, area, write: false))
            return $"the memory operand of {instruction} cannot be reached";
        if (isSave)
        {
            KvmCompactedState.Save(_extended, area, requested);
            if (!TryCopy(address, area, write: true))
                return $"the memory operand of {instruction} cannot be written";
        }
        else
        {
            if (!KvmCompactedState.TryRestore(_extended, area, requested))
                return $"the memory operand of {instruction} is not what was saved";
            fixed (byte* pointer = _extended)
                KvmIoctl.Call(_fd, KvmIoctl.SetXsave, (nint)pointer);
            LoadExtended();
        }

        if (counted)
        {
            Span<byte> bytes = stackalloc byte[instruction.Length];
            _count.Note(instruction, bytes[.._cpu.PeekCode(bytes)]);
        }

        state->Rip += (uint)instruction.Length;
        Store(withMsrs: false);
        return null;
    }

    private ulong ReadAddressRegister(Register register, int element, int size) => register switch
    {
        Register.FS => _cpu.State->SegmentBase[CpuState.Fs],
        Register.GS => _cpu.State->SegmentBase[CpuState.Gs],
        _ when register.IsSegmentRegister() => 0,
        _ when register.IsGPR32() => (uint)_cpu.State->Gpr[register.GetNumber()],
        _ => _cpu.State->Gpr[register.GetNumber()],
    };

    private bool TryCopy(ulong address, Span<byte> bytes, bool write)
    {
        const int pageSize = 4096;
        for (int done = 0; done < bytes.Length; done += pageSize)
        {
            Span<byte> part = bytes.Slice(done, Math.Min(pageSize, bytes.Length - done));
            if (!(write ? _cpu.TryWriteBytes(address + (uint)done, part) : _cpu.TryReadBytes(address + (uint)done, part)))
                return false;
        }

        return true;
    }

    // XSAVE's standard format: the legacy region, which parts are not in their initial state, and at 576 the upper halves of the YMM registers.
    private void LoadExtended()
    {
        fixed (byte* pointer = _extended)
        {
            if (_extendedSize > 0)
                KvmIoctl.Call(_fd, KvmIoctl.GetXsave2, (nint)pointer);
            else
                KvmIoctl.Call(_fd, KvmIoctl.GetXsave, (nint)pointer);
        }

        _extended.CopyTo(_extendedBefore, 0);
        CpuState* state = _cpu.State;
        Span<byte> image = _extended;
        ulong used = MemoryMarshal.Read<ulong>(image[StateBits..]);
        if ((used & X87Bit) != 0)
        {
            StateImage.ReadX87Control(state, image, wide: true);
            StateImage.ReadX87Registers(state, image[StateImage.X87Offset..]);
        }
        else
        {
            StateImage.ResetX87(state);
        }

        new Span<byte>(state->Xmm, VectorCount * CpuState.VectorStride).Clear();
        state->Mxcsr = StateImage.MxcsrDefault;
        if ((used & (SseBit | AvxBit)) != 0)
            state->Mxcsr = MemoryMarshal.Read<uint>(image[StateImage.MxcsrOffset..]) & StateImage.MxcsrMask;
        if ((used & SseBit) != 0)
            StateImage.ReadXmm(state, image[StateImage.XmmOffset..], VectorCount);
        if ((used & AvxBit) != 0)
            StateImage.ReadUpper(state, image[StateImage.AvxOffset..], VectorCount);
        ComposeExtended(_extendedBefore);
    }

    private void StoreExtended()
    {
        ComposeExtended(_extended);
        if (_extended.AsSpan().SequenceEqual(_extendedBefore))
            return;
        fixed (byte* pointer = _extended)
            KvmIoctl.Call(_fd, KvmIoctl.SetXsave, (nint)pointer);
    }

    private void ComposeExtended(Span<byte> image)
    {
        CpuState* state = _cpu.State;
        StateImage.WriteX87Control(state, image, wide: true);
        MemoryMarshal.Write(image[StateImage.MxcsrOffset..], state->Mxcsr);
        StateImage.WriteX87Registers(state, image[StateImage.X87Offset..]);
        StateImage.WriteXmm(state, image[StateImage.XmmOffset..], VectorCount);
        ulong used = MemoryMarshal.Read<ulong>(image[StateBits..]) | X87Bit | SseBit;
        Span<byte> upper = image.Slice(StateImage.AvxOffset, XmmBytes);
        StateImage.WriteUpper(state, upper, VectorCount);
        if (upper.ContainsAnyExcept((byte)0))
            used |= AvxBit;
        MemoryMarshal.Write(image[StateBits..], used);
    }

    /// <summary>Brings the registers that system calls need.</summary>
    public void LoadMsrs()
    {
        CpuState* state = _cpu.State;
        foreach ((uint index, nint field) in Fields(state))
        {
            if (_platform.TryReadMsr(_cpu.Index, index, out ulong value))
                *(ulong*)field = value;
        }

        state->TscAux = _platform.TryReadMsr(_cpu.Index, MsrTscAux, out ulong aux) ? (uint)aux : 0;
    }

    private void StoreMsrs()
    {
        // Of these only the base behind SWAPGS is changed by an instruction.
        if (!_platform.TryReadMsr(_cpu.Index, MsrKernelGsBase, out ulong value) || value != _cpu.State->KernelGsBase)
            _platform.TryWriteMsr(_cpu.Index, MsrKernelGsBase, _cpu.State->KernelGsBase);
    }

    private static (uint Index, nint Field)[] Fields(CpuState* state) =>
    [
        (0xC000_0081, (nint)(&state->Star)), (0xC000_0082, (nint)(&state->Lstar)), (0xC000_0083, (nint)(&state->Cstar)), (0xC000_0084, (nint)(&state->SyscallMask)),
        (MsrKernelGsBase, (nint)(&state->KernelGsBase)), (0x174, (nint)(&state->SysenterCs)), (0x175, (nint)(&state->SysenterEsp)), (0x176, (nint)(&state->SysenterEip)),
    ];

    private static bool Same<T>(in T one, in T other)
        where T : unmanaged =>
        MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in one)).SequenceEqual(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in other)));

    /// <summary>The bytes of one instruction, and perhaps more.</summary>
    private sealed class CodeBytes : CodeReader
    {
        private readonly byte[] _bytes = new byte[LongestInstruction];
        private int _length, _next;

        public void Set(ReadOnlySpan<byte> bytes)
        {
            bytes.CopyTo(_bytes);
            _length = bytes.Length;
            _next = 0;
        }

        public override int ReadByte() => _next < _length ? _bytes[_next++] : -1;
    }
}
