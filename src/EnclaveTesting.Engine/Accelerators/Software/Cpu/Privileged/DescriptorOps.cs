using EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Privileged;

/// <summary>LGDT, LIDT, SGDT, SIDT, LLDT, LTR, SLDT, STR, LAR, LSL, VERR, VERW, ARPL.</summary>
internal static unsafe class DescriptorOps
{
    public static void Register(OpTable table)
    {
        table.Add(Code.Sgdt_m1632_16, &StoreGlobal);
        table.Add(Code.Sgdt_m1632, &StoreGlobal);
        table.Add(Code.Sgdt_m1664, &StoreGlobal);
        table.Add(Code.Sidt_m1632_16, &StoreInterrupt);
        table.Add(Code.Sidt_m1632, &StoreInterrupt);
        table.Add(Code.Sidt_m1664, &StoreInterrupt);
        table.Add(Code.Lgdt_m1632_16, &LoadGlobal24);
        table.Add(Code.Lgdt_m1632, &LoadGlobal);
        table.Add(Code.Lgdt_m1664, &LoadGlobal);
        table.Add(Code.Lidt_m1632_16, &LoadInterrupt24);
        table.Add(Code.Lidt_m1632, &LoadInterrupt);
        table.Add(Code.Lidt_m1664, &LoadInterrupt);
        AddThree(table, Code.Sldt_rm16, &StoreLocal<ushort>, &StoreLocal<uint>, &StoreLocal<ulong>);
        AddThree(table, Code.Str_rm16, &StoreTask<ushort>, &StoreTask<uint>, &StoreTask<ulong>);
        AddThree(table, Code.Lldt_rm16, &LoadLocal, &LoadLocal, &LoadLocal);
        AddThree(table, Code.Ltr_rm16, &LoadTask, &LoadTask, &LoadTask);
        AddThree(table, Code.Verr_rm16, &VerifyRead, &VerifyRead, &VerifyRead);
        AddThree(table, Code.Verw_rm16, &VerifyWrite, &VerifyWrite, &VerifyWrite);
        AddThree(table, Code.Lar_r16_rm16, &LoadRights<ushort>, &LoadRights<uint>, &LoadRights<ulong>);
        AddThree(table, Code.Lsl_r16_rm16, &LoadLimit<ushort>, &LoadLimit<uint>, &LoadLimit<ulong>);
        table.Add(Code.Arpl_rm16_r16, &AdjustPrivilege);
        table.Add(Code.Arpl_r32m16_r32, &AdjustPrivilege);
    }

    private static bool StoreGlobal(SoftwareCpu cpu, Op* op) => StoreTable(cpu, op, cpu.State->GdtrBase, cpu.State->GdtrLimit);

    private static bool StoreInterrupt(SoftwareCpu cpu, Op* op) => StoreTable(cpu, op, cpu.State->IdtrBase, cpu.State->IdtrLimit);

    private static bool StoreTable(SoftwareCpu cpu, Op* op, ulong address, ushort limit)
    {
        if (!cpu.CheckUserMayLook())
            return false;
        byte* bytes = stackalloc byte[10];
        *(ushort*)bytes = limit;
        *(ulong*)(bytes + 2) = address;
        int size = (cpu.Mode & CpuMode.CodeSize) == CpuMode.Code64 ? 10 : 6;
        return cpu.TryWriteBytes(cpu.Address(op), new ReadOnlySpan<byte>(bytes, size));
    }

    private static bool LoadGlobal(SoftwareCpu cpu, Op* op)
    {
        if (!TryReadTable(cpu, op, out ulong address, out ushort limit))
            return false;
        cpu.State->GdtrBase = address;
        cpu.State->GdtrLimit = limit;
        return true;
    }

    private static bool LoadInterrupt(SoftwareCpu cpu, Op* op)
    {
        if (!TryReadTable(cpu, op, out ulong address, out ushort limit))
            return false;
        cpu.State->IdtrBase = address;
        cpu.State->IdtrLimit = limit;
        return true;
    }

    /// <summary>With 16-bit operands the base has 24 bits.</summary>
    private static bool LoadGlobal24(SoftwareCpu cpu, Op* op)
    {
        if (!LoadGlobal(cpu, op))
            return false;
        cpu.State->GdtrBase &= 0xFF_FFFF;
        return true;
    }

    private static bool LoadInterrupt24(SoftwareCpu cpu, Op* op)
    {
        if (!LoadInterrupt(cpu, op))
            return false;
        cpu.State->IdtrBase &= 0xFF_FFFF;
        return true;
    }

    private static bool TryReadTable(SoftwareCpu cpu, Op* op, out ulong address, out ushort limit)
    {
        address = 0;
        limit = 0;
        if (!cpu.CheckSupervisor())
            return false;
        byte* bytes = stackalloc byte[16];
        bool wide = (cpu.Mode & CpuMode.CodeSize) == CpuMode.Code64;
        if (!cpu.TryReadBytes(cpu.Address(op), new Span<byte>(bytes, wide ? 10 : 6)))
            return false;
        limit = *(ushort*)bytes;
        address = wide ? *(ulong*)(bytes + 2) : *(uint*)(bytes + 2);
        return !wide || cpu.CheckCanonicalBase(address);
    }

    private static bool StoreLocal<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => StoreSelector<T>(cpu, op, cpu.State->SegmentSelector[CpuState.Ldtr]);

    private static bool StoreTask<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => StoreSelector<T>(cpu, op, cpu.State->SegmentSelector[CpuState.Tr]);

    private static bool StoreSelector<T>(SoftwareCpu cpu, Op* op, ushort selector)
        where T : unmanaged
    {
        if (!IsProtected(cpu))
            return cpu.RaiseUndefined();
        if (!cpu.CheckUserMayLook())
            return false;
        if (op->IsMemory)
            return cpu.TryStore(cpu.Address(op), selector);
        Width.Set(cpu.State, op->Rm, Width.Truncate<T>(selector));
        return true;
    }

    private static bool LoadLocal(SoftwareCpu cpu, Op* op) =>
        IsProtected(cpu) ? cpu.CheckSupervisor() && Operands.TryRead16(cpu, op, out ushort selector) && cpu.LoadLocalTable(selector) : cpu.RaiseUndefined();

    private static bool LoadTask(SoftwareCpu cpu, Op* op) =>
        IsProtected(cpu) ? cpu.CheckSupervisor() && Operands.TryRead16(cpu, op, out ushort selector) && cpu.LoadTaskRegister(selector) : cpu.RaiseUndefined();

    private static bool VerifyRead(SoftwareCpu cpu, Op* op) => Verify(cpu, op, write: false);

    private static bool VerifyWrite(SoftwareCpu cpu, Op* op) => Verify(cpu, op, write: true);

    private static bool Verify(SoftwareCpu cpu, Op* op, bool write)
    {
        if (!IsProtected(cpu))
            return cpu.RaiseUndefined();
        if (!Operands.TryRead16(cpu, op, out ushort selector) || !TryLook(cpu, selector, out bool visible, out Descriptor descriptor))
            return false;
        uint attributes = descriptor.Attributes;
        bool isCode = (attributes & SegmentAttribute.Code) != 0;
        bool fits = visible && (attributes & SegmentAttribute.NotSystem) != 0
            && (write ? !isCode && (attributes & SegmentAttribute.Writable) != 0 : !isCode || (attributes & SegmentAttribute.Readable) != 0);
        SetZero(cpu.State, fits);
        return true;
    }

    private static bool LoadRights<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (!IsProtected(cpu))
            return cpu.RaiseUndefined();
        if (!Operands.TryRead16(cpu, op, out ushort selector) || !TryLook(cpu, selector, out bool visible, out Descriptor descriptor))
            return false;
        visible = visible && HasRights(cpu, descriptor, forLimit: false);
        if (visible)
            Width.Set(cpu.State, op->Reg, Width.Truncate<T>((descriptor.Raw >> 32) & 0x00F0_FF00));
        SetZero(cpu.State, visible);
        return true;
    }

    private static bool LoadLimit<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (!IsProtected(cpu))
            return cpu.RaiseUndefined();
        if (!Operands.TryRead16(cpu, op, out ushort selector) || !TryLook(cpu, selector, out bool visible, out Descriptor descriptor))
            return false;
        visible = visible && HasRights(cpu, descriptor, forLimit: true);
        if (visible)
            Width.Set(cpu.State, op->Reg, Width.Truncate<T>(descriptor.Limit));
        SetZero(cpu.State, visible);
        return true;
    }

    /// <summary>Finds a descriptor without faulting for what the instruction reports in ZF.</summary>
    private static bool TryLook(SoftwareCpu cpu, ushort selector, out bool visible, out Descriptor descriptor)
    {
        descriptor = default;
        visible = (selector & ~3) != 0 && cpu.TryFindDescriptor(selector, out _);
        if (!visible)
            return true;
        if (!cpu.TryReadDescriptor(selector, out descriptor))
            return false;
        const uint conforming = SegmentAttribute.NotSystem | SegmentAttribute.Code | SegmentAttribute.Conforming;
        bool free = (descriptor.Attributes & conforming) == conforming;
        visible = free || descriptor.Dpl >= Math.Max(selector & 3, (int)cpu.State->Cpl);
        return true;
    }

    private static bool HasRights(SoftwareCpu cpu, in Descriptor descriptor, bool forLimit)
    {
        if ((descriptor.Attributes & SegmentAttribute.NotSystem) != 0)
            return true;
        bool isLong = (cpu.State->Efer & EferBits.LongModeActive) != 0;
        uint type = descriptor.Attributes & SegmentAttribute.Type;
        return type switch
        {
            SegmentAttribute.LocalTable or SegmentAttribute.Tss or SegmentAttribute.BusyTss => true,
            1 or 3 => !isLong,
            SegmentAttribute.CallGate => !forLimit,
            SegmentAttribute.CallGate16 or SegmentAttribute.TaskGate => !forLimit && !isLong,
            _ => false,
        };
    }

    private static bool AdjustPrivilege(SoftwareCpu cpu, Op* op)
    {
        if (!IsProtected(cpu))
            return cpu.RaiseUndefined();
        CpuState* state = cpu.State;
        ulong linear = op->IsMemory ? cpu.Address(op) : 0;
        ushort selector = op->IsMemory ? (ushort)0 : (ushort)state->Gpr[op->Rm];
        if (op->IsMemory && !cpu.TryLoadForStore(linear, out selector))
            return false;
        var wanted = (ushort)(state->Gpr[op->Reg] & 3);
        bool adjust = (selector & 3) < wanted;
        if (adjust)
        {
            selector = (ushort)((selector & ~3) | wanted);
            if (op->IsMemory ? !cpu.TryStore(linear, selector) : !SetRegister(state, op->Rm, selector))
                return false;
        }

        SetZero(state, adjust);
        return true;
    }

    private static bool SetRegister(CpuState* state, int register, ushort value)
    {
        Width.Set(state, register, value);
        return true;
    }

    private static bool IsProtected(SoftwareCpu cpu) => (cpu.State->Cr0 & ControlBits.Cr0Pe) != 0;

    private static void SetZero(CpuState* state, bool zero) => state->FlagZero = zero ? 0UL : 1;

    private static void AddThree(
        OpTable table,
        Code first,
        delegate* managed<SoftwareCpu, Op*, bool> narrow,
        delegate* managed<SoftwareCpu, Op*, bool> middle,
        delegate* managed<SoftwareCpu, Op*, bool> wide)
    {
        table.Add(first, narrow);
        table.Add(first + 1, middle);
        table.Add(first + 2, wide);
    }
}
