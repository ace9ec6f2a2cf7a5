using System.Numerics;
using System.Runtime.CompilerServices;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>From a decoded instruction to an op. Register numbers come from the bytes themselves, since operands alone do not tell reg from rm.</summary>
internal static unsafe class OpBuilder
{
    private const int PrefixRex = 0x40, EscapeTwoBytes = 0x0F;

    /// <summary>Fills an op whose <see cref="Op.Offset"/> and <see cref="Op.Length"/> are set. True: it never goes on to the next op.</summary>
    [MethodImpl(Jit.Hot)]
    public static bool Build(Op* op, in Instruction instruction, byte* bytes, CpuMode mode, ulong blockRip, OpTable table)
    {
        Code code = instruction.Code;
        if (code == Code.INVALID)
        {
            op->Execute = &BlockEnds.InvalidOpcode;
            return true;
        }

        Encoding encoding = Parse(bytes, mode);
        op->Reg = encoding.Reg;
        op->Rm = encoding.Rm;
        op->Vvvv = encoding.Vvvv;
        op->AddressSize = encoding.AddressSize;
        op->Base = op->Index = Op.NoRegister;
        op->Segment = CpuState.NoSegment;
        bool memory = FillOperands(op, instruction, mode, blockRip);
        if (encoding.HasByteRegisters)
            MapByteRegisters(op, instruction, memory);
        if (memory)
            op->Rm = Op.Memory;
        if (instruction.HasRepePrefix)
            op->Vvvv = StringOps.RepeatWhileEqual;
        else if (instruction.HasRepnePrefix && !encoding.IsVex)
            op->Vvvv = StringOps.RepeatWhileNotEqual;

        var handler = table.Find(code, memory);
        if (handler == null)
        {
            op->Execute = &BlockEnds.Unimplemented;
            return true;
        }

        op->Execute = handler;
        if (table.GroupOf(code) != OpGroup.Integer && Refusal(table.GroupOf(code), mode) is int vector)
        {
            op->Execute = vector == ExceptionVector.InvalidOpcode ? &BlockEnds.InvalidOpcode : &BlockEnds.DeviceNotAvailable;
            return true;
        }

        return instruction.FlowControl != FlowControl.Next && !table.EndsBlock(code);
    }

    /// <summary>The op at the end of a block that no jump ends.</summary>
    public static void BuildFallThrough(Op* op, int bytes, CpuMode mode)
    {
        *op = default;
        op->Offset = (ushort)bytes;
        op->Immediate = bytes;
        op->Execute = (mode & CpuMode.CodeSize) == CpuMode.Code64 ? &BlockEnds.FallThrough : &BlockEnds.FallThroughNarrow;
    }

    private static int? Refusal(OpGroup group, CpuMode mode)
    {
        bool emulation = (mode & CpuMode.Emulation) != 0;
        bool switched = (mode & CpuMode.TaskSwitched) != 0;
        return group switch
        {
            OpGroup.X87 when emulation || switched => ExceptionVector.DeviceNotAvailable,
            OpGroup.Wait when switched && (mode & CpuMode.MonitorCoprocessor) != 0 => ExceptionVector.DeviceNotAvailable,
            OpGroup.Mmx when emulation => ExceptionVector.InvalidOpcode,
            OpGroup.Sse when emulation || (mode & CpuMode.NoSse) != 0 => ExceptionVector.InvalidOpcode,
            OpGroup.Vex when (mode & CpuMode.Real) != 0 => ExceptionVector.InvalidOpcode,
            OpGroup.Avx when (mode & (CpuMode.NoAvx | CpuMode.Real)) != 0 => ExceptionVector.InvalidOpcode,
            OpGroup.Mmx or OpGroup.Sse or OpGroup.Avx when switched => ExceptionVector.DeviceNotAvailable,
            _ => null,
        };
    }

    [MethodImpl(Jit.Hot)]
    private static bool FillOperands(Op* op, in Instruction instruction, CpuMode mode, ulong blockRip)
    {
        bool memory = false;
        int immediates = 0;
        int count = instruction.OpCount;
        for (int i = 0; i < count; i++)
        {
            switch (instruction.GetOpKind(i))
            {
                case OpKind.Register:
                    // The fourth register of a VEX instruction stands in the immediate byte.
                    if (i == 3)
                        op->Immediate = instruction.Op3Register.GetNumber();
                    else if (i == 0)
                        op->OperandSize = (byte)instruction.Op0Register.GetSize();
                    break;
                case OpKind.Memory:
                    memory = true;
                    FillMemory(op, instruction, mode, blockRip);
                    break;
                case OpKind.NearBranch16 or OpKind.NearBranch32 or OpKind.NearBranch64:
                    op->Immediate = (long)(instruction.NearBranchTarget - blockRip);
                    op->Displacement = op->Offset + op->Length;
                    break;
                case OpKind.FarBranch16:
                    op->Immediate = ((long)instruction.FarBranchSelector << 32) | instruction.FarBranch16;
                    break;
                case OpKind.FarBranch32:
                    op->Immediate = ((long)instruction.FarBranchSelector << 32) | instruction.FarBranch32;
                    break;
                case OpKind.MemorySegSI or OpKind.MemorySegESI or OpKind.MemorySegRSI or OpKind.MemorySegDI or OpKind.MemorySegEDI or OpKind.MemorySegRDI:
                    op->Segment = SegmentNumber(instruction.MemorySegment, mode);
                    break;
                case OpKind.MemoryESDI or OpKind.MemoryESEDI or OpKind.MemoryESRDI:
                    break;
                default:
                    ulong immediate = instruction.GetImmediate(i);
                    op->Immediate |= (long)(immediates++ == 0 ? immediate : immediate << 16);
                    break;
            }
        }

        return memory;
    }

    [MethodImpl(Jit.Hot)]
    private static void FillMemory(Op* op, in Instruction instruction, CpuMode mode, ulong blockRip)
    {
        op->OperandSize = (byte)Math.Min(instruction.MemorySize.GetSize(), byte.MaxValue);
        op->Segment = SegmentNumber(instruction.MemorySegment, mode);
        long displacement = (long)instruction.MemoryDisplacement64;
        if (instruction.IsIPRelativeMemoryOperand)
        {
            op->Base = Op.BlockRip;
            displacement = op->AddressSize == 4 ? (int)(uint)((ulong)displacement - blockRip) : (long)((ulong)displacement - blockRip);
            if (displacement > int.MaxValue)
            {
                op->Index = CpuState.FarSlot;
                displacement -= 1L << 30;
            }

            op->Displacement = (int)displacement;
            return;
        }

        if (instruction.MemoryBase != Register.None)
            op->Base = (byte)instruction.MemoryBase.GetNumber();
        if (instruction.MemoryIndex != Register.None)
        {
            op->Index = (byte)instruction.MemoryIndex.GetNumber();
            op->Scale = (byte)BitOperations.Log2((uint)instruction.MemoryIndexScale);
        }

        op->Displacement = (int)displacement;
        if (op->Base == Op.NoRegister && op->Index == Op.NoRegister)
            op->Immediate |= IsAbsolute(instruction) ? displacement : 0;
    }

    /// <summary>MOV between the accumulator and an address in the instruction, which may have 64 bits.</summary>
    private static bool IsAbsolute(in Instruction instruction) =>
        instruction.Code is Code.Mov_AL_moffs8 or Code.Mov_AX_moffs16 or Code.Mov_EAX_moffs32 or Code.Mov_RAX_moffs64
            or Code.Mov_moffs8_AL or Code.Mov_moffs16_AX or Code.Mov_moffs32_EAX or Code.Mov_moffs64_RAX;

    private static byte SegmentNumber(Register segment, CpuMode mode)
    {
        var number = (byte)(segment - Register.ES);
        bool applies = (mode & CpuMode.CodeSize) != CpuMode.Code64 || number >= CpuState.Fs;
        return applies ? number : (byte)CpuState.NoSegment;
    }

    /// <summary>Without a REX prefix the byte registers 4 to 7 are AH, CH, DH and BH.</summary>
    [MethodImpl(Jit.Hot)]
    private static void MapByteRegisters(Op* op, in Instruction instruction, bool memory)
    {
        bool any = false, otherTarget = false;
        for (int i = 0; i < instruction.OpCount; i++)
        {
            if (instruction.GetOpKind(i) != OpKind.Register)
                continue;
            Register register = instruction.GetOpRegister(i);
            any |= register is Register.AH or Register.CH or Register.DH or Register.BH;
            otherTarget |= i == 0 && register.GetSize() > 1;
        }

        if (!any)
            return;
        if (!memory && op->Rm is >= 4 and < 8)
            op->Rm += 12;
        if (!otherTarget && op->Reg is >= 4 and < 8)
            op->Reg += 12;
    }

    [MethodImpl(Jit.Hot)]
    private static Encoding Parse(byte* bytes, CpuMode mode)
    {
        bool is64 = (mode & CpuMode.CodeSize) == CpuMode.Code64;
        var encoding = new Encoding { AddressSize = (byte)(2 << (int)(mode & CpuMode.CodeSize)) };
        int rex = 0;
        int at = 0;
        while (true)
        {
            byte b = bytes[at];
            if (b is 0x66 or 0x67 or 0xF0 or 0xF2 or 0xF3 or 0x26 or 0x2E or 0x36 or 0x3E or 0x64 or 0x65)
            {
                if (b == 0x67)
                    encoding.AddressSize = is64 ? (byte)4 : (byte)((mode & CpuMode.CodeSize) == CpuMode.Code32 ? 2 : 4);
                rex = 0;
            }
            else if (is64 && (b & 0xF0) == PrefixRex)
            {
                rex = b;
            }
            else
            {
                break;
            }

            at++;
        }

        encoding.HasByteRegisters = rex == 0;
        byte first = bytes[at];
        if (first is 0xC4 or 0xC5 && (is64 || (bytes[at + 1] & 0xC0) == 0xC0))
        {
            ParseVex(bytes + at, is64, ref encoding);
            return encoding;
        }

        int r = (rex & 4) << 1, b3 = (rex & 1) << 3;
        byte opcode = first;
        bool hasModRm;
        if (first == EscapeTwoBytes)
        {
            opcode = bytes[++at];
            if (opcode is 0x38 or 0x3A)
            {
                opcode = bytes[++at];
                hasModRm = true;
            }
            else
            {
                hasModRm = !(opcode is (>= 0x05 and <= 0x09) or 0x0B or 0x0E or (>= 0x30 and <= 0x37) or 0x77
                    or (>= 0x80 and <= 0x8F) or (>= 0xA0 and <= 0xA2) or (>= 0xA8 and <= 0xAA) or (>= 0xC8 and <= 0xCF));
            }
        }
        else
        {
            hasModRm = opcode < 0x40
                ? (opcode & 7) < 4
                : opcode is 0x62 or 0x63 or 0x69 or 0x6B or (>= 0x80 and <= 0x8F) or 0xC0 or 0xC1 or (>= 0xC4 and <= 0xC7)
                    or (>= 0xD0 and <= 0xD3) or (>= 0xD8 and <= 0xDF) or 0xF6 or 0xF7 or 0xFE or 0xFF;
        }

        if (hasModRm)
        {
            byte modRm = bytes[at + 1];
            encoding.Reg = (byte)(((modRm >> 3) & 7) | r);
            encoding.Rm = (byte)((modRm & 7) | b3);
        }
        else
        {
            encoding.Rm = (byte)((opcode & 7) | b3);
        }

        return encoding;
    }

    private static void ParseVex(byte* bytes, bool is64, ref Encoding encoding)
    {
        encoding.IsVex = true;
        encoding.HasByteRegisters = false;
        byte second = bytes[1];
        int r = (~second & 0x80) >> 4, b3 = 0;
        byte last = second, modRm = bytes[3];
        if (bytes[0] == 0xC4)
        {
            b3 = (~second & 0x20) >> 2;
            last = bytes[2];
            modRm = bytes[4];
        }

        int mask = is64 ? 15 : 7;
        encoding.Reg = (byte)((((modRm >> 3) & 7) | r) & mask);
        encoding.Rm = (byte)(((modRm & 7) | b3) & mask);
        encoding.Vvvv = (byte)((~last >> 3) & mask);
    }

    private struct Encoding
    {
        public byte Reg, Rm, Vvvv, AddressSize;
        public bool HasByteRegisters, IsVex;
    }
}
