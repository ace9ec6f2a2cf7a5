using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>Chooses an instruction's operands, and sets the registers that address its memory operand.</summary>
internal sealed unsafe class OperandFiller(TestRandom random)
{
    private static readonly Register[] LowBytes = [Register.AL, Register.CL, Register.DL, Register.BL, Register.SIL, Register.DIL, Register.BPL,
        Register.R8L, Register.R9L, Register.R10L, Register.R11L, Register.R12L];

    private static readonly Register[] HighBytes = [Register.AH, Register.CH, Register.DH, Register.BH];

    // RSP stays the stack's; the last ones address memory, so that operands seldom collide with them.
    private static readonly int[] Operands = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12];
    private static readonly int[] Bases = [13, 14, 15];

    /// <summary>The address of the memory operand, if there is one.</summary>
    public ulong Address { get; private set; }

    /// <summary>Whether there is a memory operand.</summary>
    public bool HasMemory { get; private set; }

    /// <summary>RSP where the instruction begins.</summary>
    public ulong StackPointer { get; set; } = CodeLayout.Stack;

    private bool _pinned;

    /// <summary>Gives the addressing registers values that all instructions from now on go by.</summary>
    public void Pin(RegisterImage* registers)
    {
        _pinned = true;
        registers->Gpr[Bases[0]] = CodeLayout.Operands + (ulong)random.Below(64);
        registers->Gpr[Bases[1]] = (ulong)(random.Below(0x1000) - 0x800);
        registers->Gpr[Bases[2]] = CodeLayout.Operands + (random.Next() & 0xFFFF) - 0x8000;
    }

    /// <summary>Sets them again, in another image.</summary>
    public static void CopyPinned(RegisterImage* from, RegisterImage* to)
    {
        foreach (int number in Bases)
            to->Gpr[number] = from->Gpr[number];
    }

    /// <summary>Fills the operands of one instruction.</summary>
    /// <param name="code">Which.</param>
    /// <param name="registers">Gets the addressing registers' values.</param>
    /// <param name="memory">Take memory where there is a choice.</param>
    public Instruction Fill(Code code, RegisterImage* registers, bool memory)
    {
        OpCodeInfo info = code.ToOpCode();
        Instruction instruction = default;
        instruction.Code = code;
        HasMemory = false;
        bool high = random.Chance(15);
        for (int i = 0; i < info.OpCount; i++)
            Fill(ref instruction, i, info.GetOpKind(i), info, registers, memory, high);
        return instruction;
    }

    private void Fill(ref Instruction instruction, int at, OpCodeOperandKind kind, OpCodeInfo info, RegisterImage* registers, bool memory, bool high)
    {
        string name = kind.ToString();
        if (name.StartsWith("mem_vsib", StringComparison.Ordinal))
        {
            Gather(ref instruction, at, name, registers);
            return;
        }

        if (kind is OpCodeOperandKind.mem or OpCodeOperandKind.mem_offs or OpCodeOperandKind.mem_mib || (name.Contains("_or_mem", StringComparison.Ordinal) && memory))
        {
            Memory(ref instruction, at, kind, info, registers);
            return;
        }

        switch (kind)
        {
            case OpCodeOperandKind.al or OpCodeOperandKind.cl or OpCodeOperandKind.ax or OpCodeOperandKind.dx or OpCodeOperandKind.eax
                or OpCodeOperandKind.rax or OpCodeOperandKind.st0:
                instruction.SetOpRegister(at, Enum.Parse<Register>(name.ToUpperInvariant()));
                instruction.SetOpKind(at, OpKind.Register);
                return;
            case OpCodeOperandKind.sti_opcode:
                instruction.SetOpRegister(at, Register.ST0 + random.Below(8));
                return;
            case OpCodeOperandKind.imm8_const_1:
                SetImmediate(ref instruction, at, OpKind.Immediate8, 1);
                return;
            case OpCodeOperandKind.imm8:
                bool second = at > 0 && instruction.GetOpKind(at - 1) is OpKind.Immediate8 or OpKind.Immediate16;
                SetImmediate(ref instruction, at, second ? OpKind.Immediate8_2nd : OpKind.Immediate8, random.Chance(30) ? (ulong)random.Below(8) : random.Next() & 0xFF);
                return;
            case OpCodeOperandKind.imm8sex16 or OpCodeOperandKind.imm8sex32 or OpCodeOperandKind.imm8sex64:
                OpKind extended = kind == OpCodeOperandKind.imm8sex16 ? OpKind.Immediate8to16
                    : kind == OpCodeOperandKind.imm8sex32 ? OpKind.Immediate8to32 : OpKind.Immediate8to64;
                SetImmediate(ref instruction, at, extended, (ulong)(long)(sbyte)random.Next());
                return;
            case OpCodeOperandKind.imm16:
                SetImmediate(ref instruction, at, OpKind.Immediate16, (ushort)OperandValues.Integer(random));
                return;
            case OpCodeOperandKind.imm32:
                SetImmediate(ref instruction, at, OpKind.Immediate32, (uint)OperandValues.Integer(random));
                return;
            case OpCodeOperandKind.imm32sex64:
                SetImmediate(ref instruction, at, OpKind.Immediate32to64, (ulong)(long)(int)OperandValues.Integer(random));
                return;
            case OpCodeOperandKind.imm64:
                SetImmediate(ref instruction, at, OpKind.Immediate64, OperandValues.Integer(random));
                return;
            case OpCodeOperandKind.br64_1 or OpCodeOperandKind.br64_4:
                // The target is set when the code's address is known.
                instruction.SetOpKind(at, OpKind.NearBranch64);
                return;
            case OpCodeOperandKind.seg_rSI:
                instruction.SetOpKind(at, OpKind.MemorySegRSI);
                return;
            case OpCodeOperandKind.es_rDI:
                instruction.SetOpKind(at, OpKind.MemoryESRDI);
                return;
            case OpCodeOperandKind.seg_rDI:
                instruction.SetOpKind(at, OpKind.MemorySegRDI);
                return;
            case OpCodeOperandKind.seg_rBX_al:
                instruction.SetOpKind(at, OpKind.Memory);
                instruction.MemoryBase = Register.RBX;
                instruction.MemoryIndex = Register.AL;
                return;
        }

        instruction.SetOpKind(at, OpKind.Register);
        instruction.SetOpRegister(at, PickRegister(name, high));
    }

    private Register PickRegister(string kind, bool high)
    {
        int general = random.Pick(Operands);
        if (kind.StartsWith("r8_", StringComparison.Ordinal))
            return high ? random.Pick(HighBytes) : random.Pick(LowBytes);
        if (kind.StartsWith("r16_", StringComparison.Ordinal))
            return Register.AX + general;
        if (kind.StartsWith("r32_", StringComparison.Ordinal))
            return Register.EAX + general;
        if (kind.StartsWith("r64_", StringComparison.Ordinal))
            return Register.RAX + general;
        if (kind.StartsWith("mm_", StringComparison.Ordinal))
            return Register.MM0 + random.Below(8);
        if (kind.StartsWith("xmm_", StringComparison.Ordinal))
            return Register.XMM0 + (random.Chance(50) ? random.Below(3) : random.Below(16));
        if (kind.StartsWith("ymm_", StringComparison.Ordinal))
            return Register.YMM0 + (random.Chance(50) ? random.Below(3) : random.Below(16));
        throw new NotSupportedException($"No operand of kind {kind} is known to this test.");
    }

    private void Memory(ref Instruction instruction, int at, OpCodeOperandKind kind, OpCodeInfo info, RegisterImage* registers)
    {
        int size = info.MemorySize.GetSize();
        int alignment = CanBeUnaligned(info, size) ? 0 : size is 0 or >= 64 ? 64 : Math.Max(size, 16);
        Address = CodeLayout.Operands + (alignment == 0 ? (ulong)random.Below(64) : (ulong)(random.Below(4) * alignment));
        HasMemory = true;
        instruction.SetOpKind(at, OpKind.Memory);
        if (kind == OpCodeOperandKind.mem_offs)
        {
            instruction.MemoryDisplacement64 = Address;
            instruction.MemoryDisplSize = 8;
            return;
        }

        int form = random.Below(20);
        if (form == 0)
        {
            instruction.MemoryBase = Register.RIP;
            instruction.MemoryDisplacement64 = Address;
            instruction.MemoryDisplSize = 8;
            return;
        }

        if (form == 1)
        {
            instruction.MemoryDisplacement64 = Address;
            instruction.MemoryDisplSize = 4;
            return;
        }

        if (_pinned)
        {
            Pinned(ref instruction, form, registers);
            return;
        }

        bool narrow = form is 2 or 3;
        long displacement = random.Below(3) switch { 0 => 0, 1 => (sbyte)random.Next(), _ => (int)(random.Next() & 0xFFFF) - 0x8000 };
        int number = random.Pick(Bases);
        ulong start = Address - (ulong)displacement;
        if (form == 4)
        {
            number = 4;
            displacement = (long)(Address - CodeLayout.Stack);
            start = CodeLayout.Stack;
        }
        else if (form is > 4 and < 11)
        {
            int index = random.Pick(Bases);
            if (index != number)
            {
                int scale = random.Below(4);
                ulong value = (ulong)((long)(random.Next() & 0xFFFF) - 0x8000);
                registers->Gpr[index] = value;
                start -= value << scale;
                instruction.MemoryIndex = (narrow ? Register.EAX : Register.RAX) + index;
                instruction.MemoryIndexScale = 1 << scale;
            }
        }

        instruction.MemoryBase = (narrow ? Register.EAX : Register.RAX) + number;
        instruction.MemoryDisplacement64 = narrow ? (uint)displacement : (ulong)displacement;
        instruction.MemoryDisplSize = displacement == 0 ? 0 : narrow ? 4 : 8;
        registers->Gpr[number] = narrow ? (uint)start | (random.Next() << 32) : start;
    }

    private void Pinned(ref Instruction instruction, int form, RegisterImage* registers)
    {
        int number = form == 4 ? 4 : random.Chance(50) ? Bases[0] : Bases[2];
        ulong start = number == 4 ? StackPointer : registers->Gpr[number];
        if (form is > 4 and < 12)
        {
            int scale = random.Below(4);
            instruction.MemoryIndex = Register.RAX + Bases[1];
            instruction.MemoryIndexScale = 1 << scale;
            start += registers->Gpr[Bases[1]] << scale;
        }

        instruction.MemoryBase = Register.RAX + number;
        instruction.MemoryDisplacement64 = Address - start;
        instruction.MemoryDisplSize = Address == start ? 0 : 8;
    }

    // Every element within the operand area: the indices are set in the image's vector register.
    private void Gather(ref Instruction instruction, int at, string kind, RegisterImage* registers)
    {
        bool wide = kind.StartsWith("mem_vsib64", StringComparison.Ordinal);
        bool ymm = kind.EndsWith('y');
        int index = 13 + random.Below(3);
        int number = random.Pick(Bases);
        int scale = random.Below(4);
        Address = CodeLayout.Operands + 256;
        HasMemory = true;
        registers->Gpr[number] = Address;
        for (int i = 0; i < 8; i++)
        {
            long offset = random.Below(64) - 32;
            ulong* half = i < 4 ? &registers->Lower[index * 2] : &registers->Upper[index * 2];
            if (wide)
            {
                if (i < 4)
                    (i < 2 ? &registers->Lower[index * 2] : &registers->Upper[index * 2])[i & 1] = (ulong)offset;
            }
            else
            {
                ((uint*)half)[i & 3] = (uint)(int)offset;
            }
        }

        instruction.SetOpKind(at, OpKind.Memory);
        instruction.MemoryBase = Register.RAX + number;
        instruction.MemoryIndex = (ymm ? Register.YMM0 : Register.XMM0) + index;
        instruction.MemoryIndexScale = 1 << scale;
    }

    private static bool CanBeUnaligned(OpCodeInfo info, int size)
    {
        Mnemonic mnemonic = info.Mnemonic;
        // XCHG locks the bus when its operand lies in two cache lines, and hosts make that slow or forbid it.
        if (mnemonic is Mnemonic.Cmpxchg16b or Mnemonic.Xchg)
            return false;
        if (size == 0)
            return mnemonic is not (Mnemonic.Xsave or Mnemonic.Xsave64 or Mnemonic.Xrstor or Mnemonic.Xrstor64);
        if (size <= 10 || (size is > 16 and not 32 and < 512))
            return true;
        if (size >= 512)
            return false;
        string name = mnemonic.ToString();
        bool vex = info.Encoding == EncodingKind.VEX;
        if (name.Contains("movnt", StringComparison.OrdinalIgnoreCase) || name is "Vmovaps" or "Vmovapd" or "Vmovdqa")
            return false;
        return vex || name is "Movups" or "Movupd" or "Movdqu" or "Lddqu" || name.Contains("str", StringComparison.Ordinal);
    }

    private static void SetImmediate(ref Instruction instruction, int at, OpKind kind, ulong value)
    {
        instruction.SetOpKind(at, kind);
        instruction.SetImmediate(at, value);
    }
}
