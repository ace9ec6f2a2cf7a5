using System.Runtime.InteropServices;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>All registers of a program before or after a case, as the machine code stub loads and stores them.</summary>
[StructLayout(LayoutKind.Explicit, Size = Size)]
internal unsafe struct RegisterImage
{
    public const int Size = 1024;

    /// <summary>Where the XSAVE area in its standard format is: x87, SSE, AVX.</summary>
    public const int ExtendedOffset = 192;

    public const int ExtendedSize = 512 + 64 + 256;

    public const int FlagsOffset = 128;

    public const int TargetOffset = 136;

    [FieldOffset(0)]
    public fixed ulong Gpr[16];

    [FieldOffset(FlagsOffset)]
    public ulong Flags;

    /// <summary>Where execution begins.</summary>
    [FieldOffset(TargetOffset)]
    public ulong Target;

    [FieldOffset(ExtendedOffset)]
    public fixed byte Extended[ExtendedSize];

    [FieldOffset(ExtendedOffset)]
    public ushort X87Control;

    [FieldOffset(ExtendedOffset + 2)]
    public ushort X87Status;

    /// <summary>Abridged: a bit set for each physical register in use.</summary>
    [FieldOffset(ExtendedOffset + 4)]
    public ushort X87Tag;

    [FieldOffset(ExtendedOffset + 6)]
    public ushort X87Opcode;

    [FieldOffset(ExtendedOffset + 8)]
    public ulong X87Instruction;

    [FieldOffset(ExtendedOffset + 16)]
    public ulong X87Data;

    [FieldOffset(ExtendedOffset + 24)]
    public uint Mxcsr;

    [FieldOffset(ExtendedOffset + 28)]
    public uint MxcsrMask;

    /// <summary>ST(0) to ST(7), 16 bytes each.</summary>
    [FieldOffset(ExtendedOffset + 32)]
    public fixed ulong X87[16];

    /// <summary>The lower halves of the vector registers.</summary>
    [FieldOffset(ExtendedOffset + 160)]
    public fixed ulong Lower[32];

    /// <summary>XSTATE_BV.</summary>
    [FieldOffset(ExtendedOffset + 512)]
    public ulong Components;

    /// <summary>The upper halves of the vector registers.</summary>
    [FieldOffset(ExtendedOffset + 576)]
    public fixed ulong Upper[32];
}
