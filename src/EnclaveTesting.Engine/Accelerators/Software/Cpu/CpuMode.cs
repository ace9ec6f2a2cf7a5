namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>What decoding depends on, besides the bytes.</summary>
[Flags]
internal enum CpuMode : uint
{
    Code16 = 0,
    Code32 = 1,
    Code64 = 2,
    CodeSize = 3,

    /// <summary>CPL 3.</summary>
    User = 1 << 2,

    /// <summary>CR0.PE is clear.</summary>
    Real = 1 << 3,

    /// <summary>The stack pointer has 32 bits (SS.B); only outside 64-bit code.</summary>
    Stack32 = 1 << 4,

    /// <summary>CR0.TS: x87, MMX, SSE and AVX instructions raise #NM.</summary>
    TaskSwitched = 1 << 5,

    /// <summary>CR0.EM: x87 instructions raise #NM, MMX and SSE #UD.</summary>
    Emulation = 1 << 6,

    /// <summary>CR4.OSFXSR is clear: SSE instructions raise #UD.</summary>
    NoSse = 1 << 7,

    /// <summary>CR4.OSXSAVE or XCR0's AVX bits are clear: VEX-encoded vector instructions raise #UD.</summary>
    NoAvx = 1 << 8,

    /// <summary>CR0.MP: WAIT honours TS.</summary>
    MonitorCoprocessor = 1 << 9,

    /// <summary>RFLAGS.TF, or the shadow of STI.</summary>
    SingleStep = 1 << 10,

    /// <summary>DR7 enables a breakpoint.</summary>
    Breakpoints = 1 << 11,

    /// <summary>One instruction per block, and something to do behind it.</summary>
    Stepped = SingleStep | Breakpoints,
}
