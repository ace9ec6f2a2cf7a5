using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Which instructions of 64-bit code are translated to what. Those that follow one another by size in Iced's enumeration are added together.</summary>
internal static class MicroOpTable
{
    private static readonly MicroOp[] Table = Create();

    /// <summary>The translation of an instruction.</summary>
    public static MicroOp Find(Code code) => (int)code < Table.Length ? Table[(int)code] : default;

    private static MicroOp[] Create()
    {
        Code[] codes = Enum.GetValues<Code>();
        var table = new MicroOp[(int)codes[^1] + 1];
        AddArithmetic(table);
        AddMoves(table);
        AddShifts(table);
        AddStack(table);
        foreach (Code code in codes)
            AddConditional(table, code);
        table[(int)Code.Jmp_rel8_64] = table[(int)Code.Jmp_rel32_64] = new MicroOp(Operation.Jump);
        table[(int)Code.Call_rel32_64] = new MicroOp(Operation.Call);
        table[(int)Code.Jmp_rm64] = new MicroOp(Operation.JumpIndirect, OperandForm.Rm, 8);
        table[(int)Code.Call_rm64] = new MicroOp(Operation.CallIndirect, OperandForm.Rm, 8);
        table[(int)Code.Retnq] = table[(int)Code.Retnq_imm16] = new MicroOp(Operation.Return);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Nopw, Code.Nopd, Code.Nopq, Code.Endbr64, Code.Nop_rm16, Code.Nop_rm32, Code.Nop_rm64])
            table[(int)code] = new MicroOp(Operation.Nothing);
        return table;
    }

    private static void AddArithmetic(MicroOp[] table)
    {
        AddRow(table, Operation.Add, Code.Add_rm8_r8, Code.Add_rm8_imm8, Code.Add_rm16_imm16, Code.Add_rm16_imm8);
        AddRow(table, Operation.Or, Code.Or_rm8_r8, Code.Or_rm8_imm8, Code.Or_rm16_imm16, Code.Or_rm16_imm8);
        AddRow(table, Operation.AddWithCarry, Code.Adc_rm8_r8, Code.Adc_rm8_imm8, Code.Adc_rm16_imm16, Code.Adc_rm16_imm8);
        AddRow(table, Operation.SubtractWithBorrow, Code.Sbb_rm8_r8, Code.Sbb_rm8_imm8, Code.Sbb_rm16_imm16, Code.Sbb_rm16_imm8);
        AddRow(table, Operation.And, Code.And_rm8_r8, Code.And_rm8_imm8, Code.And_rm16_imm16, Code.And_rm16_imm8);
        AddRow(table, Operation.Subtract, Code.Sub_rm8_r8, Code.Sub_rm8_imm8, Code.Sub_rm16_imm16, Code.Sub_rm16_imm8);
        AddRow(table, Operation.ExclusiveOr, Code.Xor_rm8_r8, Code.Xor_rm8_imm8, Code.Xor_rm16_imm16, Code.Xor_rm16_imm8);
        AddRow(table, Operation.Compare, Code.Cmp_rm8_r8, Code.Cmp_rm8_imm8, Code.Cmp_rm16_imm16, Code.Cmp_rm16_imm8);
        AddSizes(table, Operation.Test, OperandForm.RmReg, Code.Test_rm8_r8, Code.Test_rm16_r16, 1);
        AddSizes(table, Operation.Test, OperandForm.AccumulatorImmediate, Code.Test_AL_imm8, Code.Test_AX_imm16, 1);
        int group3 = Code.Test_rm32_imm32 - Code.Test_rm16_imm16;
        AddSizes(table, Operation.Test, OperandForm.RmImmediate, Code.Test_rm8_imm8, Code.Test_rm16_imm16, group3);
        AddSizes(table, Operation.Increment, OperandForm.Rm, Code.Inc_rm8, Code.Inc_rm16, 1);
        AddSizes(table, Operation.Decrement, OperandForm.Rm, Code.Dec_rm8, Code.Dec_rm16, 1);
        AddSizes(table, Operation.Negate, OperandForm.Rm, Code.Neg_rm8, Code.Neg_rm16, 1);
        AddSizes(table, Operation.Complement, OperandForm.Rm, Code.Not_rm8, Code.Not_rm16, 1);
        AddSizes(table, Operation.Multiply, OperandForm.RegRm, Code.INVALID, Code.Imul_r16_rm16, 1);
        AddSizes(table, Operation.Multiply, OperandForm.RegRmImmediate, Code.INVALID, Code.Imul_r16_rm16_imm16, Code.Imul_r32_rm32_imm32 - Code.Imul_r16_rm16_imm16);
        AddSizes(table, Operation.Multiply, OperandForm.RegRmImmediate, Code.INVALID, Code.Imul_r16_rm16_imm8, Code.Imul_r32_rm32_imm8 - Code.Imul_r16_rm16_imm8);
    }

    private static void AddMoves(MicroOp[] table)
    {
        AddSizes(table, Operation.Move, OperandForm.RmReg, Code.Mov_rm8_r8, Code.Mov_rm16_r16, 1);
        AddSizes(table, Operation.Move, OperandForm.RegRm, Code.Mov_r8_rm8, Code.Mov_r16_rm16, 1);
        AddSizes(table, Operation.Move, OperandForm.RmImmediate, Code.Mov_rm8_imm8, Code.Mov_rm16_imm16, 1);
        AddSizes(table, Operation.Move, OperandForm.RmImmediate, Code.Mov_r8_imm8, Code.Mov_r16_imm16, 1);
        AddExtension(table, Operation.ZeroExtend, 1, Code.Movzx_r16_rm8, Code.Movzx_r32_rm8, Code.Movzx_r64_rm8);
        AddExtension(table, Operation.ZeroExtend, 2, Code.INVALID, Code.Movzx_r32_rm16, Code.Movzx_r64_rm16);
        AddExtension(table, Operation.SignExtend, 1, Code.Movsx_r16_rm8, Code.Movsx_r32_rm8, Code.Movsx_r64_rm8);
        AddExtension(table, Operation.SignExtend, 2, Code.INVALID, Code.Movsx_r32_rm16, Code.Movsx_r64_rm16);
        AddExtension(table, Operation.SignExtend, 4, Code.INVALID, Code.INVALID, Code.Movsxd_r64_rm32);
        table[(int)Code.Lea_r32_m] = new MicroOp(Operation.LoadAddress, OperandForm.RegRm, 4);
        table[(int)Code.Lea_r64_m] = new MicroOp(Operation.LoadAddress, OperandForm.RegRm, 8);
        table[(int)Code.Xchg_r32_EAX] = new MicroOp(Operation.Exchange, OperandForm.AccumulatorRm, 4);
        table[(int)Code.Xchg_r64_RAX] = new MicroOp(Operation.Exchange, OperandForm.AccumulatorRm, 8);
        AddSizes(table, Operation.Exchange, OperandForm.RmReg, Code.Xchg_rm8_r8, Code.Xchg_rm16_r16, 1);
        table[(int)Code.Bswap_r32] = new MicroOp(Operation.SwapBytes, OperandForm.Rm, 4);
        table[(int)Code.Bswap_r64] = new MicroOp(Operation.SwapBytes, OperandForm.Rm, 8);
        table[(int)Code.Cwde] = new MicroOp(Operation.ExtendAccumulator, Size: 4, Extra: 2);
        table[(int)Code.Cdqe] = new MicroOp(Operation.ExtendAccumulator, Size: 8, Extra: 4);
        table[(int)Code.Cdq] = new MicroOp(Operation.ExtendIntoData, Size: 4);
        table[(int)Code.Cqo] = new MicroOp(Operation.ExtendIntoData, Size: 8);
    }

    private static void AddShifts(MicroOp[] table)
    {
        foreach ((Operation operation, int number) in (ReadOnlySpan<(Operation, int)>)[(Operation.RotateLeft, 0), (Operation.RotateRight, 1), (Operation.ShiftLeft, 4), (Operation.ShiftRight, 5), (Operation.ShiftLeft, 6), (Operation.ShiftArithmetic, 7)])
        {
            AddSizes(table, operation, OperandForm.RmImmediate, Code.Rol_rm8_imm8 + number, Code.Rol_rm16_imm8 + (3 * number), 1);
            AddSizes(table, operation, OperandForm.RmImmediate, Code.Rol_rm8_1 + number, Code.Rol_rm16_1 + (3 * number), 1);
            AddSizes(table, operation, OperandForm.RmCount, Code.Rol_rm8_CL + number, Code.Rol_rm16_CL + (3 * number), 1);
        }
    }

    private static void AddStack(MicroOp[] table)
    {
        table[(int)Code.Push_r64] = table[(int)Code.Push_rm64] = new MicroOp(Operation.Push, OperandForm.Rm, 8);
        table[(int)Code.Pushq_imm8] = table[(int)Code.Pushq_imm32] = new MicroOp(Operation.Push, OperandForm.RmImmediate, 8);
        table[(int)Code.Pop_r64] = new MicroOp(Operation.Pop, OperandForm.Rm, 8);
        table[(int)Code.Leaveq] = new MicroOp(Operation.Leave);
    }

    private static void AddConditional(MicroOp[] table, Code code)
    {
        if (code.ConditionCode() == ConditionCode.None)
            return;
        int condition = (int)code.ConditionCode() - 1;
        string name = code.ToString();
        if (code.IsJccShortOrNear())
        {
            if (name.EndsWith("_64", StringComparison.Ordinal))
                table[(int)code] = new MicroOp(Operation.JumpIf, Extra: condition);
        }
        else if (name.StartsWith("Set", StringComparison.Ordinal))
        {
            table[(int)code] = new MicroOp(Operation.SetIf, OperandForm.Rm, 1, condition);
        }
        else if (name.StartsWith("Cmov", StringComparison.Ordinal))
        {
            int size = name.Contains("_r64_", StringComparison.Ordinal) ? 8 : name.Contains("_r32_", StringComparison.Ordinal) ? 4 : 2;
            table[(int)code] = new MicroOp(Operation.MoveIf, OperandForm.RegRm, size, condition);
        }
    }

    /// <summary>The forms of one of the first eight opcode rows and of its place in opcodes 80 to 83.</summary>
    private static void AddRow(MicroOp[] table, Operation operation, Code first, Code imm8, Code wide, Code narrow)
    {
        AddSizes(table, operation, OperandForm.RmReg, first, first + 1, 1);
        AddSizes(table, operation, OperandForm.RegRm, first + 4, first + 5, 1);
        AddSizes(table, operation, OperandForm.AccumulatorImmediate, first + 8, first + 9, 1);
        int step = Code.Add_rm32_imm32 - Code.Add_rm16_imm16;
        AddSizes(table, operation, OperandForm.RmImmediate, imm8, wide, step);
        AddSizes(table, operation, OperandForm.RmImmediate, Code.INVALID, narrow, step);
    }

    private static void AddSizes(MicroOp[] table, Operation operation, OperandForm form, Code one, Code two, int step)
    {
        if (one != Code.INVALID)
            table[(int)one] = new MicroOp(operation, form, 1);
        for (int i = 0; i < 3; i++)
            table[(int)two + (i * step)] = new MicroOp(operation, form, 2 << i);
    }

    private static void AddExtension(MicroOp[] table, Operation operation, int from, Code two, Code four, Code eight)
    {
        foreach ((Code code, int size) in (ReadOnlySpan<(Code, int)>)[(two, 2), (four, 4), (eight, 8)])
        {
            if (code != Code.INVALID)
                table[(int)code] = new MicroOp(operation, OperandForm.RegRm, size, from);
        }
    }
}
