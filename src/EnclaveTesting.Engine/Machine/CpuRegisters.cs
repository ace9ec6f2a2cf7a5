using System.Globalization;

namespace EnclaveTesting.Engine.Machine;

/// <summary>The general-purpose registers of an x86-64 CPU, RIP and RFLAGS. All zero by default.</summary>
public record struct CpuRegisters(
    ulong Rax, ulong Rcx, ulong Rdx, ulong Rbx, ulong Rsp, ulong Rbp, ulong Rsi, ulong Rdi,
    ulong R8, ulong R9, ulong R10, ulong R11, ulong R12, ulong R13, ulong R14, ulong R15,
    ulong Rip, ulong Rflags)
{
    /// <summary>Four lines of hexadecimal, as kernels print them.</summary>
    public override readonly string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        RIP {Rip:x16} RFLAGS {Rflags:x8} RSP {Rsp:x16} RBP {Rbp:x16}
        RAX {Rax:x16} RBX {Rbx:x16} RCX {Rcx:x16} RDX {Rdx:x16}
        RSI {Rsi:x16} RDI {Rdi:x16} R8  {R8:x16} R9  {R9:x16} R10 {R10:x16}
        R11 {R11:x16} R12 {R12:x16} R13 {R13:x16} R14 {R14:x16} R15 {R15:x16}
        """);
}
