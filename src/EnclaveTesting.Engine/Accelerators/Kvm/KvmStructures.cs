using System.Runtime.InteropServices;

namespace EnclaveTesting.Engine.Accelerators.Kvm;

/// <summary>struct kvm_userspace_memory_region.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmMemoryRegion
{
    public uint Slot, Flags;
    public ulong GuestAddress, Size, HostAddress;
}

/// <summary>struct kvm_pit_config.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmPitConfig
{
    public const uint SpeakerDummy = 1;

    public uint Flags;
    public fixed uint Padding[15];
}

/// <summary>struct kvm_irqfd.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmIrqfd
{
    public uint Fd, Gsi, Flags, ResampleFd;
    public fixed byte Padding[16];
}

/// <summary>struct kvm_ioeventfd.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmIoeventfd
{
    public const uint DataMatch = 1;

    public ulong Value, Address;
    public uint Length;
    public int Fd;
    public uint Flags;
    public fixed byte Padding[36];
}

/// <summary>struct kvm_regs.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmRegs
{
    public ulong Rax, Rbx, Rcx, Rdx, Rsi, Rdi, Rsp, Rbp, R8, R9, R10, R11, R12, R13, R14, R15, Rip, Rflags;
}

/// <summary>struct kvm_segment.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmSegment
{
    public ulong Base;
    public uint Limit;
    public ushort Selector;
    public byte Type, Present, Dpl, Db, S, L, G, Avl, Unusable, Padding;
}

/// <summary>struct kvm_dtable.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmDescriptorTable
{
    public ulong Base;
    public ushort Limit;
    public ushort Padding0, Padding1, Padding2;
}

/// <summary>struct kvm_sregs.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmSregs
{
    public KvmSegment Cs, Ds, Es, Fs, Gs, Ss, Tr, Ldt;
    public KvmDescriptorTable Gdt, Idt;
    public ulong Cr0, Cr2, Cr3, Cr4, Cr8, Efer, ApicBase;
    public fixed ulong InterruptBitmap[4];
}

/// <summary>struct kvm_fpu.</summary>
[StructLayout(LayoutKind.Explicit, Size = 416)]
internal struct KvmFpu
{
    [FieldOffset(128)]
    public ushort ControlWord;

    [FieldOffset(408)]
    public uint Mxcsr;
}

/// <summary>struct kvm_lapic_state: the local APIC's register page, up to 0x400.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmLapicState
{
    public const int LvtLint0 = 0x350, LvtLint1 = 0x360;

    public fixed byte Registers[1024];
}

/// <summary>struct kvm_cpuid_entry2.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmCpuidEntry
{
    public uint Function, Index, Flags, Eax, Ebx, Ecx, Edx;
    public fixed uint Padding[3];
}

/// <summary>struct kvm_cpuid2 with room for every entry a host reports.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmCpuidTable
{
    public const int Capacity = 256;

    public uint Count, Padding;
    public fixed byte Entries[Capacity * 40];

    /// <summary>A table of entries that were saved.</summary>
    /// <exception cref="ArgumentException">There are more than <see cref="Capacity"/>.</exception>
    public static KvmCpuidTable From(ReadOnlySpan<KvmCpuidEntry> entries)
    {
        var table = new KvmCpuidTable { Count = (uint)entries.Length };
        entries.CopyTo(MemoryMarshal.Cast<byte, KvmCpuidEntry>(new Span<byte>(table.Entries, Capacity * sizeof(KvmCpuidEntry))));
        return table;
    }

    /// <summary>The entries.</summary>
    public readonly KvmCpuidEntry[] ToArray()
    {
        fixed (byte* entries = Entries)
            return new ReadOnlySpan<KvmCpuidEntry>(entries, (int)Math.Min(Count, Capacity)).ToArray();
    }
}

/// <summary>struct kvm_msr_entry.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmMsrEntry
{
    public uint Index;
    private readonly uint _reserved;
    public ulong Value;
}

/// <summary>struct kvm_msrs with one entry.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmOneMsr
{
    public uint Count;
    private readonly uint _padding;
    public KvmMsrEntry Entry;
}

/// <summary>struct kvm_msrs, which its entries follow.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmMsrs
{
    /// <summary>KVM refuses 256 and more.</summary>
    public const int MostAtOnce = 255;

    public uint Count;
    private readonly uint _padding;
}

/// <summary>struct kvm_msr_list with room for every register a host reports.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmMsrList
{
    public const int Capacity = 1024;

    public uint Count;
    public fixed uint Indices[Capacity];
}

/// <summary>struct kvm_xcrs.</summary>
[StructLayout(LayoutKind.Explicit, Size = 392)]
internal struct KvmXcrs
{
    [FieldOffset(0)]
    public uint Count;

    /// <summary>The first register's number, and its value: XCR0 is the only one there is.</summary>
    [FieldOffset(8)]
    public uint Number;

    [FieldOffset(16)]
    public ulong Value;
}

/// <summary>struct kvm_debugregs.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmDebugRegs
{
    public fixed ulong Db[4];
    public ulong Dr6, Dr7, Flags;
    public fixed ulong Reserved[9];
}

/// <summary>struct kvm_vcpu_events: exceptions, interrupts and NMIs on their way, the interrupt shadow.</summary>
[StructLayout(LayoutKind.Explicit, Size = 64)]
internal struct KvmVcpuEvents
{
    public const byte ShadowOfSti = 2;

    [FieldOffset(0)]
    public byte ExceptionInjected;

    [FieldOffset(1)]
    public byte ExceptionNumber;

    [FieldOffset(2)]
    public byte ExceptionHasError;

    [FieldOffset(3)]
    public byte ExceptionPending;

    [FieldOffset(8)]
    public byte InterruptInjected;

    /// <summary>Whether interrupts are held off for one instruction (KVM_X86_SHADOW_INT_*).</summary>
    [FieldOffset(11)]
    public byte InterruptShadow;

    [FieldOffset(12)]
    public byte NmiInjected;

    [FieldOffset(14)]
    public byte NmiMasked;

    /// <summary>Which optional fields hold something (KVM_VCPUEVENT_VALID_*).</summary>
    [FieldOffset(20)]
    public uint Flags;
}

/// <summary>struct kvm_irqchip: one of the three interrupt controllers outside the CPUs.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmIrqchip
{
    public const uint PicMaster = 0, PicSlave = 1, IoApic = 2;

    public uint Chip, Padding;
    public fixed byte Registers[512];
}

/// <summary>struct kvm_pit_state2: the 8254's three channels.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmPitState
{
    public fixed byte Registers[112];
}

/// <summary>struct kvm_clock_data: the clock behind kvmclock.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmClockData
{
    /// <summary>Nanoseconds of guest time.</summary>
    public ulong Clock;

    public uint Flags;
    private readonly uint _padding;
    public ulong RealTime, HostTsc;
    private fixed uint _reserved[4];
}

/// <summary>struct kvm_translation.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct KvmTranslation
{
    public ulong LinearAddress, PhysicalAddress;
    public byte Valid, Writable, UserMode;
    private readonly byte _padding0;
    private readonly uint _padding1;
}

/// <summary>struct kvm_enable_cap.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmEnableCap
{
    public uint Capability, Flags;
    public fixed ulong Arguments[4];
    public fixed byte Padding[64];
}

/// <summary>struct kvm_guest_debug.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct KvmGuestDebug
{
    public const uint Enable = 1, UseHardwareBreakpoints = 0x2_0000;

    public uint Control, Padding;
    public fixed ulong DebugRegisters[8];
}

/// <summary>struct kvm_msr_filter with one range.</summary>
[StructLayout(LayoutKind.Explicit, Size = 392)]
internal struct KvmMsrFilter
{
    public const uint Write = 2;

    [FieldOffset(0)]
    public uint Flags;

    [FieldOffset(8)]
    public uint RangeFlags;

    [FieldOffset(12)]
    public uint Count;

    [FieldOffset(16)]
    public uint First;

    /// <summary>One bit for each register; clear: its accesses exit.</summary>
    [FieldOffset(24)]
    public nint Bitmap;
}

/// <summary>struct kvm_run: the page shared with the kernel; only what is read here.</summary>
[StructLayout(LayoutKind.Explicit)]
internal unsafe struct KvmRun
{
    [FieldOffset(1)]
    public byte ImmediateExit;

    [FieldOffset(8)]
    public uint ExitReason;

    [FieldOffset(13)]
    public byte InterruptFlag;

    [FieldOffset(32)]
    public byte IoDirection;

    [FieldOffset(33)]
    public byte IoSize;

    [FieldOffset(34)]
    public ushort IoPort;

    [FieldOffset(36)]
    public uint IoCount;

    [FieldOffset(40)]
    public ulong IoDataOffset;

    [FieldOffset(32)]
    public ulong MmioAddress;

    [FieldOffset(40)]
    public fixed byte MmioData[8];

    [FieldOffset(48)]
    public uint MmioLength;

    [FieldOffset(52)]
    public byte MmioIsWrite;

    [FieldOffset(32)]
    public uint InternalSuberror;

    [FieldOffset(36)]
    public uint InternalDataCount;

    [FieldOffset(40)]
    public ulong EmulationFlags;

    [FieldOffset(48)]
    public byte InstructionSize;

    [FieldOffset(49)]
    public fixed byte InstructionBytes[15];

    [FieldOffset(32)]
    public ulong HardwareReason;

    [FieldOffset(32)]
    public uint SystemEventType;

    [FieldOffset(40)]
    public ulong DebugPc;

    /// <summary>Set by the host: the guest gets #GP.</summary>
    [FieldOffset(32)]
    public byte MsrError;

    [FieldOffset(44)]
    public uint MsrIndex;

    [FieldOffset(48)]
    public ulong MsrData;
}

/// <summary>KVM_EXIT_*.</summary>
internal enum KvmExitReason : uint
{
    Unknown = 0,
    Io = 2,
    Debug = 4,
    Hlt = 5,
    Mmio = 6,
    Shutdown = 8,
    FailEntry = 9,
    Intr = 10,
    InternalError = 17,
    SystemEvent = 24,
    X86Wrmsr = 30,
}
