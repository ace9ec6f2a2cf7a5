using System.Runtime.InteropServices;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>One guest instruction, predecoded. 32 bytes.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
internal unsafe struct Op
{
    /// <summary><see cref="Base"/> and <see cref="Index"/>: no register (it reads as zero).</summary>
    public const byte NoRegister = CpuState.ZeroSlot;

    /// <summary><see cref="Base"/>: RIP of the block's start.</summary>
    public const byte BlockRip = CpuState.RipSlot;

    /// <summary>In <see cref="Rm"/>: the operand is in memory.</summary>
    public const byte Memory = 0xFF;

    /// <summary>Executes it. True: go on with the next op; false: the block ends here (a fault is pending, a jump was taken, ...).</summary>
    [FieldOffset(0)]
    public delegate* managed<SoftwareCpu, Op*, bool> Execute;

    /// <summary>The immediate, sign- or zero-extended as the instruction says; for jumps the target relative to the block's start.</summary>
    [FieldOffset(8)]
    public long Immediate;

    /// <summary>Of the memory operand; RIP-relative ones already include the distance from the block's start.</summary>
    [FieldOffset(16)]
    public int Displacement;

    /// <summary>The register in ModRM.reg, 0..15 (byte registers: 16..19 = AH, CH, DH, BH; segment registers: 0..5 = ES, CS, SS, DS, FS, GS; REX.R is included for MMX and x87 registers too, which ignore it: mask with 7).</summary>
    [FieldOffset(20)]
    public byte Reg;

    /// <summary>The register in ModRM.rm or in the opcode, numbered as <see cref="Reg"/>; <see cref="Memory"/> if the operand is in memory.</summary>
    [FieldOffset(21)]
    public byte Rm;

    /// <summary>Base of the memory operand: 0..15, <see cref="NoRegister"/> or <see cref="BlockRip"/>.</summary>
    [FieldOffset(22)]
    public byte Base;

    /// <summary>Index of the memory operand: 0..15 or <see cref="NoRegister"/>.</summary>
    [FieldOffset(23)]
    public byte Index;

    /// <summary>Shift count for the index, 0..3.</summary>
    [FieldOffset(24)]
    public byte Scale;

    /// <summary>Segment of the memory operand: an index into <see cref="CpuState.SegmentBase"/>, <see cref="CpuState.NoSegment"/> where none applies.</summary>
    [FieldOffset(25)]
    public byte Segment;

    /// <summary>Bytes of the effective address: 2, 4 or 8.</summary>
    [FieldOffset(26)]
    public byte AddressSize;

    /// <summary>Bytes of the operand (of the memory operand, if there is one, up to 255).</summary>
    [FieldOffset(27)]
    public byte OperandSize;

    /// <summary>Bytes of the instruction.</summary>
    [FieldOffset(28)]
    public byte Length;

    /// <summary>The register in VEX.vvvv; for instructions with three registers and an immediate one (is4) <see cref="Immediate"/> has the fourth.</summary>
    [FieldOffset(29)]
    public byte Vvvv;

    /// <summary>Bytes from the block's start to the instruction.</summary>
    [FieldOffset(30)]
    public ushort Offset;

    /// <summary>Whether ModRM names memory.</summary>
    public readonly bool IsMemory => Rm == Memory;
}
