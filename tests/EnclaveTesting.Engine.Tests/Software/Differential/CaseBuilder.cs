using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>Makes cases: one instruction with random operands and state, or a few in a row, never one that could fault.</summary>
internal sealed unsafe class CaseBuilder
{
    private const ulong ArithmeticFlags = 0x8D5;
    private const ulong PushedFlags = 0x202;

    // lea r15, [r15+1]: shows whether a jump was taken, and changes no flag.
    private static ReadOnlySpan<byte> Skipped => [0x4D, 0x8D, 0x7F, 0x01];

    private const int Conditions = 0x4500;

    private readonly TestRandom _random;
    private readonly OperandFiller _filler;
    private readonly Encoder _encoder;
    private readonly ByteWriter _writer = new();

    public CaseBuilder(TestRandom random)
    {
        _random = random;
        _filler = new OperandFiller(random);
        _encoder = Encoder.Create(64, _writer);
    }

    /// <summary>Whether an instruction can stand in a sequence: its outcome is whole, it has no operands of its own and does not jump.</summary>
    public static bool IsPlain(Code code)
    {
        Instruction instruction = default;
        instruction.Code = code;
        OpCodeInfo info = code.ToOpCode();
        bool special = code.FlowControl() != FlowControl.Next || info.IsStackInstruction || info.IsSaveRestore || info.CanUseRepPrefix
            || IsApproximate(code.Mnemonic()) || IsDotProduct(code.Mnemonic()) || instruction.RflagsUndefined != 0
            || info.Op0Kind is OpCodeOperandKind.seg_rSI or OpCodeOperandKind.es_rDI or OpCodeOperandKind.mem_offs or OpCodeOperandKind.seg_rDI
            || Enumerable.Range(0, info.OpCount).Any(i => info.GetOpKind(i).ToString().StartsWith("mem_vsib", StringComparison.Ordinal));
        string name = code.Mnemonic().ToString();
        return !special && !name.StartsWith('F') && code.Mnemonic() is not (Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc
            or Mnemonic.Std or Mnemonic.Ldmxcsr or Mnemonic.Vldmxcsr or Mnemonic.Xlatb or Mnemonic.Bswap or Mnemonic.Wait or Mnemonic.Enter or Mnemonic.Leave
            or Mnemonic.Maskmovq or Mnemonic.Maskmovdqu or Mnemonic.Vmaskmovdqu or Mnemonic.Cmpxchg16b or Mnemonic.Cmpxchg8b);
    }

    /// <summary>One instruction.</summary>
    public bool TryBuild(Code code, ulong address, RegisterImage* registers, Span<byte> data, TestCase result)
    {
        RandomState.Fill(_random, registers);
        OperandValues.Vectors(_random, data);
        result.Clear();
        Instruction instruction = _filler.Fill(code, registers, _random.Chance(50));
        ulong end = address;
        if (!Prepare(ref instruction, registers, data, result))
            return false;
        ulong after = 0;
        for (int attempt = 0; attempt < 2; attempt++)
        {
            _writer.Clear();
            if (instruction.Op0Kind == OpKind.NearBranch64)
                instruction.NearBranch64 = after == 0 ? address + 64 : after;
            if (!_encoder.TryEncode(instruction, address, out uint length, out _))
                return false;
            end = address + length;
            after = end + (ulong)Skipped.Length;
        }

        if (code.FlowControl() != FlowControl.Next)
        {
            SetTarget(instruction, registers, data, after);
            _writer.Write(Skipped);
        }

        result.Instructions.Add(instruction);
        result.Code = _writer.ToArray();
        Leave(instruction, registers, result);
        return true;
    }

    /// <summary>A few plain instructions in a row.</summary>
    public bool TryBuildSequence(ReadOnlySpan<Code> plain, ulong address, RegisterImage* registers, Span<byte> data, TestCase result)
    {
        RandomState.Fill(_random, registers);
        OperandValues.Vectors(_random, data);
        result.Clear();
        _writer.Clear();
        int count = 2 + _random.Below(5);
        ulong at = address;
        bool memory = false;
        for (int i = 0; i < count; i++)
        {
            Code code = _random.Pick(plain);
            Instruction instruction = _filler.Fill(code, registers, !memory && _random.Chance(40));
            // The addressing registers have one value in a case: only one instruction can have them.
            if ((memory && _filler.HasMemory) || !Prepare(ref instruction, registers, data, result) || OpenFlags.Of(instruction) != 0)
                return false;
            memory |= _filler.HasMemory;
            if (!_encoder.TryEncode(instruction, at, out uint length, out _))
                return false;
            at += length;
            result.Instructions.Add(instruction);
        }

        result.Code = _writer.ToArray();
        return true;
    }

    private bool Prepare(ref Instruction instruction, RegisterImage* registers, Span<byte> data, TestCase result)
    {
        int operand = _filler.HasMemory ? (int)(_filler.Address - CodeLayout.Data) : 0;
        ulong size = (ulong)Math.Max(instruction.MemorySize.GetSize(), 1);
        switch (instruction.Mnemonic)
        {
            case Mnemonic.Div or Mnemonic.Idiv:
                return Division.TryPrepare(_random, instruction, registers, data, operand);
            case Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc when _filler.HasMemory && instruction.Op1Kind == OpKind.Register:
                int number = instruction.Op1Register.GetNumber();
                registers->Gpr[number] = unchecked((ulong)(_random.Below(1024) - 512));
                break;
            case Mnemonic.Bsf or Mnemonic.Bsr:
                // With a source of zero the destination is left open.
                if (_filler.HasMemory)
                    data[operand] |= 1;
                else
                    registers->Gpr[instruction.Op1Register.GetFullRegister().GetNumber()] |= 0x80;
                break;
            case Mnemonic.Shld or Mnemonic.Shrd when instruction.Op1Register.IsGPR16():
                // A count above 16 is left open.
                registers->Gpr[1] &= ~0x1FUL;
                registers->Gpr[1] |= (uint)_random.Below(17);
                if (instruction.Op2Kind == OpKind.Immediate8)
                    instruction.Immediate8 = (byte)_random.Below(17);
                if (instruction.Op0Kind == OpKind.Register && instruction.Op0Register == Register.CX)
                    return false;
                break;
            case Mnemonic.Bswap when instruction.Op0Register.IsGPR16():
                return false;
            case Mnemonic.Movsb or Mnemonic.Movsw or Mnemonic.Movsd or Mnemonic.Movsq or Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd
                or Mnemonic.Cmpsq or Mnemonic.Stosb or Mnemonic.Stosw or Mnemonic.Stosd or Mnemonic.Stosq or Mnemonic.Lodsb or Mnemonic.Lodsw
                or Mnemonic.Lodsd or Mnemonic.Lodsq or Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd or Mnemonic.Scasq when IsString(instruction):
                PrepareString(ref instruction, registers, data);
                break;
            case Mnemonic.Xlatb:
                registers->Gpr[3] = CodeLayout.Operands;
                break;
            case Mnemonic.Maskmovq or Mnemonic.Maskmovdqu or Mnemonic.Vmaskmovdqu:
                registers->Gpr[7] = CodeLayout.Operands + (ulong)_random.Below(64);
                break;
            case Mnemonic.Enter:
                instruction.Immediate16 = (ushort)_random.Below(64);
                instruction.Immediate8_2nd = (byte)_random.Below(4);
                registers->Gpr[5] = CodeLayout.Operands + 128;
                break;
            case Mnemonic.Leave:
                registers->Gpr[5] = CodeLayout.Operands + ((ulong)_random.Below(16) * 8);
                break;
            case Mnemonic.Popf or Mnemonic.Popfd or Mnemonic.Popfq:
                BitConverter.TryWriteBytes(data[(int)(CodeLayout.Stack - CodeLayout.Data)..], (_random.Next() & ArithmeticFlags) | PushedFlags);
                break;
            case Mnemonic.Pushfq or Mnemonic.Pushfd:
                result.Open.Add(((int)(CodeLayout.Stack - CodeLayout.Data) - 8, 8));
                break;
            case Mnemonic.F2xm1 or Mnemonic.Fyl2xp1:
                // Outside -1..1, and -0.29..0.41, the result is left open.
                ushort limit = instruction.Mnemonic == Mnemonic.F2xm1 ? (ushort)0x3FFE : (ushort)0x3FFC;
                if (((ushort)registers->X87[1] & 0x7FFF) > limit && ((ushort)registers->X87[1] & 0x7FFF) < 0x7FFF)
                    registers->X87[1] = (ushort)((registers->X87[1] & 0x8000) | (uint)(limit - _random.Below(70)));
                break;
            case Mnemonic.Fldcw:
                BitConverter.TryWriteBytes(data[operand..], (ushort)(RandomState.X87Control(_random) | (_random.Next() & 0xE0C0)));
                break;
            case Mnemonic.Ldmxcsr or Mnemonic.Vldmxcsr:
                BitConverter.TryWriteBytes(data[operand..], RandomState.Mxcsr(_random));
                break;
            case Mnemonic.Fxrstor or Mnemonic.Fxrstor64 or Mnemonic.Xrstor or Mnemonic.Xrstor64:
                RandomState.Extended(_random, data.Slice(operand, RegisterImage.ExtendedSize));
                registers->Gpr[0] &= ~0xFFFF_FFF8UL;
                registers->Gpr[2] &= ~0xFFFF_FFFFUL;
                data[operand + 512] = (byte)_random.Below(8);
                break;
            case Mnemonic.Xsave or Mnemonic.Xsave64:
                data[operand + 512] = (byte)_random.Below(8);
                registers->Gpr[0] &= ~0xFFFF_FFF8UL;
                registers->Gpr[2] &= ~0xFFFF_FFFFUL;
                result.Open.Add((operand + 6, 18));
                result.Open.Add((operand + 28, 4));
                break;
            case Mnemonic.Fxsave or Mnemonic.Fxsave64:
                result.Open.Add((operand + 6, 18));
                result.Open.Add((operand + 28, 4));
                result.Open.Add((operand + 416, 96));
                break;
            case Mnemonic.Fldenv or Mnemonic.Frstor:
                int step = size is 14 or 94 ? 2 : 4;
                BitConverter.TryWriteBytes(data[operand..], RandomState.X87Control(_random));
                BitConverter.TryWriteBytes(data[(operand + step)..], RandomState.X87Status(_random));
                for (int i = 0; i < 8 && size >= 94; i++)
                    RandomState.Register(_random, data.Slice(operand + (7 * step) + (10 * i), 10));
                break;
            case Mnemonic.Fnstenv or Mnemonic.Fnsave:
                int width = size is 14 or 94 ? 2 : 4;
                result.Open.Add((operand + (3 * width), 4 * width));
                break;
        }

        return true;
    }

    private static bool IsString(in Instruction instruction)
        => instruction.Op0Kind is OpKind.MemoryESRDI or OpKind.MemorySegRSI || instruction.Op1Kind is OpKind.MemoryESRDI or OpKind.MemorySegRSI;

    private void PrepareString(ref Instruction instruction, RegisterImage* registers, Span<byte> data)
    {
        registers->Gpr[6] = CodeLayout.Operands + 256 + (ulong)_random.Below(16);
        registers->Gpr[7] = CodeLayout.Operands + 256 + (ulong)_random.Below(64);
        if (_random.Chance(30))
            registers->Flags |= 0x400;
        if (_random.Chance(50))
        {
            registers->Gpr[1] = (ulong)_random.Below(9);
            bool compares = instruction.Mnemonic.ToString().StartsWith("Cmps", StringComparison.Ordinal)
                || instruction.Mnemonic.ToString().StartsWith("Scas", StringComparison.Ordinal);
            if (compares && _random.Chance(50))
                instruction.HasRepnePrefix = true;
            else
                instruction.HasRepPrefix = true;
            // Something to find, and something alike.
            if (compares && _random.Chance(70))
            {
                data.Slice((int)(CodeLayout.Operands - CodeLayout.Data) + 64, 512).Fill((byte)registers->Gpr[0]);
                data[(int)(registers->Gpr[7] - CodeLayout.Data) + _random.Below(16)] ^= 1;
                registers->Gpr[0] = (registers->Gpr[0] & 0xFF) * 0x0101_0101_0101_0101;
            }
        }
    }

    private static void SetTarget(in Instruction instruction, RegisterImage* registers, Span<byte> data, ulong target)
    {
        switch (instruction.FlowControl)
        {
            case FlowControl.Return:
                BitConverter.TryWriteBytes(data[(int)(CodeLayout.Stack - CodeLayout.Data)..], target);
                break;
            case FlowControl.IndirectBranch or FlowControl.IndirectCall when instruction.Op0Kind == OpKind.Register:
                registers->Gpr[instruction.Op0Register.GetNumber()] = target;
                break;
            case FlowControl.IndirectBranch or FlowControl.IndirectCall:
                ulong address = instruction.IsIPRelativeMemoryOperand || instruction.MemoryBase == Register.None
                    ? instruction.MemoryDisplacement64
                    : Effective(instruction, registers);
                BitConverter.TryWriteBytes(data[(int)(address - CodeLayout.Data)..], target);
                break;
        }
    }

    private static ulong Effective(in Instruction instruction, RegisterImage* registers)
    {
        ulong address = registers->Gpr[instruction.MemoryBase.GetNumber()] + instruction.MemoryDisplacement64;
        if (instruction.MemoryIndex != Register.None)
            address += registers->Gpr[instruction.MemoryIndex.GetNumber()] * (ulong)instruction.MemoryIndexScale;
        return instruction.MemoryBase.GetSize() == 4 ? (uint)address : address;
    }

    private static void Leave(in Instruction instruction, RegisterImage* registers, TestCase result)
    {
        result.Flags &= ~OpenFlags.Of(instruction);
        Mnemonic mnemonic = instruction.Mnemonic;
        if (IsApproximate(mnemonic))
        {
            if (mnemonic.ToString().StartsWith('F'))
            {
                // A result may be off by one in the last place when rounding to nearest, by one and a half otherwise (SDM vol. 1, 8.3.10).
                result.X87Tolerance = (registers->X87Control & 0xC00) == 0 ? 1 : 2;
                // Inexact and C1 follow from the approximation.
                result.X87Status &= 0xFDDF;
            }
            else
            {
                result.ApproximateVector = instruction.Op0Register.GetNumber();
            }
        }

        if (mnemonic.ToString().StartsWith('F'))
            result.X87Status &= (ushort)~OpenConditions(instruction);
        if (IsDotProduct(mnemonic))
            result.AnyNanVector = instruction.Op0Register.GetNumber();
    }

    // In which order the products are added is left open: of several NaNs any may be the result.
    private static bool IsDotProduct(Mnemonic mnemonic) => mnemonic is Mnemonic.Dpps or Mnemonic.Dppd or Mnemonic.Vdpps or Mnemonic.Vdppd;

    // C0, C2 and C3 are left open by all but comparisons, remainders, angles and the state instructions (SDM vol. 2, each instruction's "FPU flags affected").
    private static int OpenConditions(in Instruction instruction) => instruction.Mnemonic switch
    {
        Mnemonic.Fcom or Mnemonic.Fcomp or Mnemonic.Fcompp or Mnemonic.Fucom or Mnemonic.Fucomp or Mnemonic.Fucompp or Mnemonic.Ftst or Mnemonic.Fxam
            or Mnemonic.Ficom or Mnemonic.Ficomp or Mnemonic.Fprem or Mnemonic.Fprem1 or Mnemonic.Fnstcw or Mnemonic.Fnstsw or Mnemonic.Fnstenv
            or Mnemonic.Fldenv or Mnemonic.Frstor or Mnemonic.Fnsave or Mnemonic.Fninit or Mnemonic.Fxsave or Mnemonic.Fxrstor or Mnemonic.Fxsave64
            or Mnemonic.Fxrstor64 => 0,
        // AMD's processors leave C1, Intel's manual clears it.
        Mnemonic.Fcomi or Mnemonic.Fcomip or Mnemonic.Fucomi or Mnemonic.Fucomip => Conditions | 0x200,
        Mnemonic.Fsin or Mnemonic.Fcos or Mnemonic.Fsincos or Mnemonic.Fptan => Conditions & ~0x400,
        _ => Conditions,
    };

    private static bool IsApproximate(Mnemonic mnemonic) => mnemonic is Mnemonic.Fsin or Mnemonic.Fcos or Mnemonic.Fsincos or Mnemonic.Fptan
        or Mnemonic.Fpatan or Mnemonic.F2xm1 or Mnemonic.Fyl2x or Mnemonic.Fyl2xp1 or Mnemonic.Rcpps or Mnemonic.Rcpss or Mnemonic.Rsqrtps
        or Mnemonic.Rsqrtss or Mnemonic.Vrcpps or Mnemonic.Vrcpss or Mnemonic.Vrsqrtps or Mnemonic.Vrsqrtss;
}
