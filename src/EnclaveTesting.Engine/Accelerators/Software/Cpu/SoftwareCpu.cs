using System.Runtime.InteropServices;
using EnclaveTesting.Engine.Boot;
using EnclaveTesting.Engine.Machine;
using EnclaveTesting.Engine.Memory;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>
/// One x86-64 CPU that interprets predecoded blocks. All calls from the machine's thread, except <see cref="RaiseAttention"/>.
/// </summary>
internal sealed unsafe partial class SoftwareCpu : IDisposable
{
    private readonly GuestMemory _memory;
    private readonly ICpuPlatform _platform;
    private volatile bool _attention;

    /// <summary>Creates a CPU as after power-on, waiting for a SIPI.</summary>
    /// <param name="index">The CPU's number and APIC id.</param>
    /// <param name="memory">The guest's RAM; stays the caller's and must outlive the CPU.</param>
    /// <param name="platform">Everything else.</param>
    /// <param name="sibling">Another CPU of the same machine: they share decoded code, and stores of one reach the code of the other.</param>
    public SoftwareCpu(int index, GuestMemory memory, ICpuPlatform platform, SoftwareCpu? sibling = null)
    {
        Index = index;
        _memory = memory;
        _platform = platform;
        State = (CpuState*)NativeMemory.AlignedAlloc((nuint)sizeof(CpuState), 64);
        NativeMemory.Clear(State, (nuint)sizeof(CpuState));
        Tlb = (TlbEntry*)NativeMemory.AlignedAlloc(TlbBytes, 64);
        FlushTlb();
        _ = sibling;
        Reset();
    }

    /// <summary>The CPU's number and APIC id.</summary>
    public int Index { get; }

    /// <summary>Registers and flags; native memory, valid until disposal.</summary>
    public CpuState* State { get; }

    /// <summary>Instructions executed so far.</summary>
    public long Retired => State->Retired;

    /// <summary>RFLAGS.IF.</summary>
    public bool InterruptsEnabled => (State->OtherFlags & 0x200) != 0;

    /// <summary>As after power-on or INIT: waiting for a SIPI.</summary>
    public void Reset() => State->WaitingForStartUp = 1;

    /// <summary>SIPI: real mode at <paramref name="vector"/> pages.</summary>
    public void StartUp(byte vector) => throw new NotImplementedException();

    /// <summary>Puts the CPU where a boot loader leaves it.</summary>
    public void Enter(in BootEntry entry) => throw new NotImplementedException();

    /// <summary>Executes about <paramref name="budget"/> instructions at most.</summary>
    public CpuStop Run(long budget) => _attention ? CpuStop.Attention : throw new NotImplementedException();

    /// <summary>From any thread: leave <see cref="Run"/> at the next block boundary; an interrupt may be pending.</summary>
    public void RaiseAttention() => _attention = true;

    /// <summary>A non-maskable interrupt is pending.</summary>
    public void RequestNmi() => State->NmiPending = 1;

    /// <summary>RAM was written behind the CPU's back (a device, the host): decoded code there is stale.</summary>
    public void InvalidatePhysical(ulong address, ulong length)
    {
    }

    /// <summary>General registers, RIP, RFLAGS.</summary>
    public CpuRegisters ReadRegisters() => throw new NotImplementedException();

    /// <summary>Segments, tables, control registers.</summary>
    public CpuSystemRegisters ReadSystemRegisters() => throw new NotImplementedException();

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(State);
        NativeMemory.AlignedFree(Tlb);
    }
}
