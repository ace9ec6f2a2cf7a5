namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>Which control bits an instruction obeys; the decoder checks them, handlers need not.</summary>
internal enum OpGroup : byte
{
    /// <summary>None.</summary>
    Integer,

    /// <summary>#NM if CR0.EM or CR0.TS.</summary>
    X87,

    /// <summary>WAIT: #NM if CR0.TS and CR0.MP.</summary>
    Wait,

    /// <summary>#UD if CR0.EM, #NM if CR0.TS.</summary>
    Mmx,

    /// <summary>#UD if CR0.EM or not CR4.OSFXSR, #NM if CR0.TS.</summary>
    Sse,

    /// <summary>VEX-encoded, with general registers: #UD in real mode.</summary>
    Vex,

    /// <summary>VEX-encoded, with vector registers: #UD in real mode or if not CR4.OSXSAVE or not XCR0[2:1], #NM if CR0.TS.</summary>
    Avx,
}
