namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Everything a CPU remembers. Plain data: copying it saves the CPU.</summary>
internal unsafe partial struct CpuState
{
    /// <summary>A slot of <see cref="Gpr"/> that is always zero.</summary>
    public const int ZeroSlot = 16;

    /// <summary>The slot of <see cref="Gpr"/> with <see cref="Rip"/>.</summary>
    public const int RipSlot = 17;

    /// <summary>A slot of <see cref="Gpr"/> that holds 2^30, for displacements just out of reach.</summary>
    public const int FarSlot = 18;

    /// <summary>Segment numbers, as in ModRM.reg.</summary>
    public const int Es = 0, Cs = 1, Ss = 2, Ds = 3, Fs = 4, Gs = 5;

    /// <summary>Base 0, no limit: the segment of 64-bit accesses without FS or GS.</summary>
    public const int NoSegment = 6;

    /// <summary>The slots of LDTR and TR.</summary>
    public const int Ldtr = 7, Tr = 8;

    /// <summary>Bytes of one entry of <see cref="Xmm"/>.</summary>
    public const int VectorStride = 64;

    /// <summary>RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8..R15, then the special slots.</summary>
    public fixed ulong Gpr[19];

    /// <summary>Zero if and only if ZF is set.</summary>
    public ulong FlagZero;

    /// <summary>Its top bit is SF; its low byte has even parity if and only if PF is set.</summary>
    public ulong FlagSign;

    /// <summary>Bit 63 is CF; bits 63 and 62 differ if and only if OF is set.</summary>
    public ulong FlagCarry;

    /// <summary>Bit 3 is AF.</summary>
    public byte FlagAuxiliary;

    /// <summary>RFLAGS without CF, PF, AF, ZF, SF and OF.</summary>
    public ulong OtherFlags;

    /// <summary>Bases by segment number; see <see cref="Es"/> and the others.</summary>
    public fixed ulong SegmentBase[9];

    /// <summary>Limits (last valid offset) by segment number.</summary>
    public fixed uint SegmentLimit[9];

    /// <summary>Attributes by segment number, as in <see cref="Machine.SegmentRegister.Attributes"/>.</summary>
    public fixed uint SegmentAttributes[9];

    /// <summary>Selectors by segment number.</summary>
    public fixed ushort SegmentSelector[9];

    public ulong GdtrBase, IdtrBase;
    public ushort GdtrLimit, IdtrLimit;

    public ulong Cr0, Cr2, Cr3, Cr4, Efer;
    public fixed ulong Dr[8];

    public ulong Star, Lstar, Cstar, SyscallMask, KernelGsBase;
    public ulong SysenterCs, SysenterEsp, SysenterEip;
    public ulong Pat, MiscEnable, MtrrDefaultType;
    public fixed ulong MtrrFixed[11];
    public fixed ulong MtrrVariable[16];
    public ulong SpecCtrl;
    public uint TscAux;

    /// <summary>Instructions executed since the CPU was created.</summary>
    public long Retired;

    /// <summary>0..3.</summary>
    public byte Cpl;

    /// <summary>Interrupts are held off for one instruction (STI, MOV SS, POP SS).</summary>
    public byte InterruptShadow;

    /// <summary>HLT was executed and nothing has woken the CPU since.</summary>
    public byte Halted;

    /// <summary>The CPU waits for a SIPI.</summary>
    public byte WaitingForStartUp;

    /// <summary>A triple fault has shut the CPU down.</summary>
    public byte ShutDown;

    public byte NmiPending, NmiBlocked;

    /// <summary>State of the generator behind RDRAND and RDSEED.</summary>
    public ulong RandomState;

    /// <summary>XMM/YMM registers, <see cref="VectorStride"/> bytes each, 32 of them used.</summary>
    public fixed byte Xmm[16 * VectorStride];

    /// <summary>SSE control and status.</summary>
    public uint Mxcsr;

    /// <summary>XCR0.</summary>
    public ulong Xcr0;

    /// <summary>x87 data registers by physical number, 16 bytes each, the first ten used (80-bit format); MM0..MM7 alias the first eight.</summary>
    public fixed byte X87[8 * 16];

    /// <summary>x87 control, status (TOP included) and tag words; the tag word in FXSAVE's abridged form (bit set: not empty), by physical number.</summary>
    public ushort X87Control, X87Status, X87Tag, X87Opcode;

    public ulong X87InstructionPointer, X87DataPointer;
    public ushort X87InstructionSelector, X87DataSelector;

    /// <summary>Between instructions: RIP. Inside a block: RIP of the block's start.</summary>
    public ulong Rip
    {
        readonly get => Gpr[RipSlot];
        set => Gpr[RipSlot] = value;
    }
}
