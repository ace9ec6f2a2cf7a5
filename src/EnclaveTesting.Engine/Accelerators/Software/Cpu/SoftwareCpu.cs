using System.Runtime.InteropServices;
using EnclaveTesting.Engine.Accelerators.Cpuid;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.State;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>
/// One x86-64 CPU that interprets predecoded blocks and executes translations of the hot ones. All calls from the machine's thread, except <see cref="RaiseAttention"/>.
/// </summary>
internal sealed unsafe partial class SoftwareCpu : IDisposable
{
    private const int ScratchBytes = 64;

    // Sums over all CPUs, and budgets on top of them, are still numbers.
    private const long MostRetired = long.MaxValue / 64;

    private readonly GuestMemory _memory;
    private readonly ICpuPlatform _platform;
    private readonly CodeCache _code;
    private readonly BlockDecoder _decoder;
    private readonly byte* _scratch;
    private readonly ulong _cr4Writable;
    private CpuidTable? _cpuid;
    private bool _disposed;

    /// <summary>Creates a CPU as after power-on, waiting for a SIPI.</summary>
    /// <param name="index">The CPU's number and APIC id.</param>
    /// <param name="memory">The guest's RAM; stays the caller's and must outlive the CPU.</param>
    /// <param name="platform">Everything else.</param>
    /// <param name="sibling">Another CPU of the same machine: they share decoded code, and stores of one reach the code of the other.</param>
    /// <param name="template">The processor that it is; a sibling's counts instead.</param>
    /// <param name="translation">Whether code is translated; a sibling's counts instead.</param>
    public SoftwareCpu(
        int index,
        GuestMemory memory,
        ICpuPlatform platform,
        SoftwareCpu? sibling = null,
        CpuTemplate template = CpuTemplate.Host,
        TranslationMode translation = TranslationMode.Background)
    {
        Index = index;
        Template = sibling?.Template ?? template;
        _cr4Writable = ControlBits.Cr4Writable(Template);
        _memory = memory;
        _platform = platform;
        _code = sibling?._code ?? new CodeCache(memory, translation);
        _decoder = sibling?._decoder ?? new BlockDecoder(memory, _code, Template);
        _code.Join(this);
        State = Allocate<CpuState>(1);
        _scratch = Allocate<byte>(ScratchBytes);
        _tlb = Allocate<TlbEntry>(TlbParts * TlbEntries);
        _jumps = Allocate<JumpEntry>(JumpEntries);
        _fetches = Allocate<FetchEntry>(FetchEntries);
        Tlb = _tlb;
        State->RandomState = 0x2545_F491_4F6C_DD1D + (ulong)index;
        Reset();
    }

    /// <summary>The CPU's number and APIC id.</summary>
    public int Index { get; }

    /// <summary>The processor that this is.</summary>
    public CpuTemplate Template { get; }

    /// <summary>What CPUID answers; made when it is asked for, when all CPUs of the machine are there.</summary>
    internal CpuidTable Cpuid => _cpuid ??= new CpuidTable(Template, Index, Code.CpuCount);

    /// <summary>Registers and flags; native memory, valid until disposal.</summary>
    public readonly CpuState* State;

    /// <summary>Everything outside the CPU.</summary>
    internal ICpuPlatform Platform => _platform;

    /// <summary>The code all CPUs of the machine have decoded.</summary>
    internal CodeCache Code => _code;

    /// <summary>Instructions executed so far.</summary>
    public long Retired => State->Retired;

    /// <summary>RFLAGS.IF.</summary>
    public bool InterruptsEnabled => (State->OtherFlags & CpuState.If) != 0;

    /// <summary>HLT was executed and nothing has woken the CPU since, or it waits for a SIPI.</summary>
    public bool IsHalted => State->Halted != 0 || State->WaitingForStartUp != 0;

    /// <summary>What RDRAND and RDSEED answer follows from this alone.</summary>
    public void SeedRandom(ulong seed) => State->RandomState = seed;

    /// <summary>RAM was written behind the CPU's back (a device, the host): decoded code there is stale.</summary>
    public void InvalidatePhysical(ulong address, ulong length)
    {
        while (length > 0)
        {
            ulong piece = Math.Min(length, PageSize - (address & PageOffset));
            if (_memory.TryTranslate(address, piece, out ulong ram))
                _code.WrittenRange(ram, piece);
            address += piece;
            length -= piece;
        }
    }

    /// <summary>General registers, RIP, RFLAGS.</summary>
    public CpuRegisters ReadRegisters()
    {
        ulong* r = State->Gpr;
        return new CpuRegisters(
            r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15], State->Rip, State->GetFlags());
    }

    /// <summary>Segments, tables, control registers.</summary>
    public CpuSystemRegisters ReadSystemRegisters() => new()
    {
        Cs = ReadSegment(CpuState.Cs),
        Ds = ReadSegment(CpuState.Ds),
        Es = ReadSegment(CpuState.Es),
        Fs = ReadSegment(CpuState.Fs),
        Gs = ReadSegment(CpuState.Gs),
        Ss = ReadSegment(CpuState.Ss),
        Tr = ReadSegment(CpuState.Tr),
        Ldtr = ReadSegment(CpuState.Ldtr),
        Gdtr = new DescriptorTable(State->GdtrBase, State->GdtrLimit),
        Idtr = new DescriptorTable(State->IdtrBase, State->IdtrLimit),
        Cr0 = State->Cr0,
        Cr2 = State->Cr2,
        Cr3 = State->Cr3,
        Cr4 = State->Cr4,
        Cr8 = _platform.ReadTpr(Index),
        Efer = State->Efer,
    };

    /// <summary>After the fields of <see cref="State"/> were written from outside (a saved CPU): nothing remembered from before holds.</summary>
    public void StateReplaced()
    {
        State->Gpr[CpuState.ZeroSlot] = 0;
        State->Gpr[CpuState.FarSlot] = 1UL << 30;
        State->SegmentBase[CpuState.NoSegment] = 0;
        _pendingVector = -1;
        _link = null;
        FlushTlb();
        UpdateMode();
    }

    /// <summary>Saves the CPU between two runs, or restores one.</summary>
    public void Exchange(StateArchive archive)
    {
        archive.Fixed(new Span<byte>(State, sizeof(CpuState)));
        if (!archive.IsReading)
            return;
        archive.Require(State->Cpl <= 3, "a privilege level of 0 to 3", $"{State->Cpl}");
        archive.Require(State->Retired is >= 0 and <= MostRetired, $"a number of instructions up to {MostRetired}", $"{State->Retired}");
        archive.Require((State->Xcr0 & ~CpuidTable.StateComponents(Template)) == 0 && (State->Xcr0 & 1) != 0, "an XCR0 that this CPU has", $"0x{State->Xcr0:x}");
        archive.Require(State->Mxcsr <= 0xFFFF, "an MXCSR without reserved bits", $"0x{State->Mxcsr:x}");
        StateReplaced();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        _code.Leave(this);
        NativeMemory.AlignedFree(State);
        NativeMemory.AlignedFree(_scratch);
        NativeMemory.AlignedFree(_tlb);
        NativeMemory.AlignedFree(_jumps);
        NativeMemory.AlignedFree(_fetches);
    }

    private static T* Allocate<T>(int count)
        where T : unmanaged
    {
        nuint bytes = (nuint)(count * sizeof(T));
        void* memory = NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(memory, bytes);
        return (T*)memory;
    }

    private SegmentRegister ReadSegment(int segment) => new(
        State->SegmentSelector[segment], State->SegmentBase[segment], State->SegmentLimit[segment], State->SegmentAttributes[segment]);
}
