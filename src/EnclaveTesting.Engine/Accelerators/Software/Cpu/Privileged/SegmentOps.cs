using EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Privileged;

/// <summary>MOV, PUSH and POP of segment registers, LDS and its family, SWAPGS, RDFSBASE and its family.</summary>
internal static unsafe class SegmentOps
{
    public static void Register(OpTable table)
    {
        table.Add(Code.Mov_rm16_Sreg, &Store<ushort>);
        table.Add(Code.Mov_r32m16_Sreg, &Store<uint>);
        table.Add(Code.Mov_r64m16_Sreg, &Store<ulong>);
        table.AddLast(Code.Mov_Sreg_rm16, &Load);
        table.AddLast(Code.Mov_Sreg_r32m16, &Load);
        table.AddLast(Code.Mov_Sreg_r64m16, &Load);
        table.Add(Code.Pushw_ES, &Push<ushort, Es>);
        table.Add(Code.Pushd_ES, &Push<uint, Es>);
        table.Add(Code.Pushw_CS, &Push<ushort, Cs>);
        table.Add(Code.Pushd_CS, &Push<uint, Cs>);
        table.Add(Code.Pushw_SS, &Push<ushort, Ss>);
        table.Add(Code.Pushd_SS, &Push<uint, Ss>);
        table.Add(Code.Pushw_DS, &Push<ushort, Ds>);
        table.Add(Code.Pushd_DS, &Push<uint, Ds>);
        table.Add(Code.Pushw_FS, &Push<ushort, Fs>);
        table.Add(Code.Pushd_FS, &Push<uint, Fs>);
        table.Add(Code.Pushq_FS, &Push<ulong, Fs>);
        table.Add(Code.Pushw_GS, &Push<ushort, Gs>);
        table.Add(Code.Pushd_GS, &Push<uint, Gs>);
        table.Add(Code.Pushq_GS, &Push<ulong, Gs>);
        table.AddLast(Code.Popw_ES, &Pop<ushort, Es>);
        table.AddLast(Code.Popd_ES, &Pop<uint, Es>);
        table.AddLast(Code.Popw_SS, &Pop<ushort, Ss>);
        table.AddLast(Code.Popd_SS, &Pop<uint, Ss>);
        table.AddLast(Code.Popw_DS, &Pop<ushort, Ds>);
        table.AddLast(Code.Popd_DS, &Pop<uint, Ds>);
        table.AddLast(Code.Popw_FS, &Pop<ushort, Fs>);
        table.AddLast(Code.Popd_FS, &Pop<uint, Fs>);
        table.AddLast(Code.Popq_FS, &Pop<ulong, Fs>);
        table.AddLast(Code.Popw_GS, &Pop<ushort, Gs>);
        table.AddLast(Code.Popd_GS, &Pop<uint, Gs>);
        table.AddLast(Code.Popq_GS, &Pop<ulong, Gs>);
        AddPointer<ushort, Es>(table, Code.Les_r16_m1616);
        AddPointer<uint, Es>(table, Code.Les_r32_m1632);
        AddPointer<ushort, Ds>(table, Code.Lds_r16_m1616);
        AddPointer<uint, Ds>(table, Code.Lds_r32_m1632);
        AddPointers<Ss>(table, Code.Lss_r16_m1616);
        AddPointers<Fs>(table, Code.Lfs_r16_m1616);
        AddPointers<Gs>(table, Code.Lgs_r16_m1616);
        table.Add(Code.Swapgs, &SwapGs);
        table.Add(Code.Rdfsbase_r32, &ReadBase<uint, Fs>);
        table.Add(Code.Rdfsbase_r64, &ReadBase<ulong, Fs>);
        table.Add(Code.Rdgsbase_r32, &ReadBase<uint, Gs>);
        table.Add(Code.Rdgsbase_r64, &ReadBase<ulong, Gs>);
        table.Add(Code.Wrfsbase_r32, &WriteBase<uint, Fs>);
        table.Add(Code.Wrfsbase_r64, &WriteBase<ulong, Fs>);
        table.Add(Code.Wrgsbase_r32, &WriteBase<uint, Gs>);
        table.Add(Code.Wrgsbase_r64, &WriteBase<ulong, Gs>);
    }

    private interface ISegment
    {
        static abstract int Number { get; }
    }

    private static bool Store<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (op->Reg > CpuState.Gs)
            return cpu.RaiseUndefined();
        ushort selector = cpu.State->SegmentSelector[op->Reg];
        if (op->IsMemory)
            return cpu.TryStore(cpu.Address(op), selector);
        Width.Set(cpu.State, op->Rm, Width.Truncate<T>(selector));
        return true;
    }

    private static bool Load(SoftwareCpu cpu, Op* op)
    {
        if (op->Reg is CpuState.Cs or > CpuState.Gs)
            return cpu.RaiseUndefined();
        return Operands.TryRead16(cpu, op, out ushort selector) && cpu.LoadSegment(op->Reg, selector) && cpu.EndBlock(op);
    }

    private static bool Push<T, TSegment>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
        where TSegment : struct, ISegment
    {
        ulong sp = cpu.State->Gpr[4];
        if (!cpu.TryPushAt(ref sp, Width.Truncate<T>(cpu.State->SegmentSelector[TSegment.Number])))
            return false;
        cpu.State->Gpr[4] = sp;
        return true;
    }

    private static bool Pop<T, TSegment>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
        where TSegment : struct, ISegment
    {
        ulong sp = cpu.State->Gpr[4];
        if (!cpu.TryPopAt(ref sp, out T value) || !cpu.LoadSegment(TSegment.Number, (ushort)Width.ZeroExtend(value)))
            return false;
        cpu.State->Gpr[4] = sp;
        return cpu.EndBlock(op);
    }

    private static bool LoadPointer<T, TSegment>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
        where TSegment : struct, ISegment
    {
        if (!cpu.TryLoad(cpu.Address(op), out T offset)
            || !cpu.TryLoad(cpu.AddressPlus(op, (ulong)sizeof(T)), out ushort selector)
            || !cpu.LoadSegment(TSegment.Number, selector))
            return false;
        Width.Set(cpu.State, op->Reg, offset);
        return cpu.EndBlock(op);
    }

    private static bool SwapGs(SoftwareCpu cpu, Op* op)
    {
        if (!cpu.CheckSupervisor())
            return false;
        CpuState* state = cpu.State;
        (state->SegmentBase[CpuState.Gs], state->KernelGsBase) = (state->KernelGsBase, state->SegmentBase[CpuState.Gs]);
        return true;
    }

    private static bool ReadBase<T, TSegment>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
        where TSegment : struct, ISegment
    {
        if ((cpu.State->Cr4 & ControlBits.Cr4FsGsBase) == 0)
            return cpu.RaiseUndefined();
        Width.Set(cpu.State, op->Rm, Width.Truncate<T>(cpu.State->SegmentBase[TSegment.Number]));
        return true;
    }

    private static bool WriteBase<T, TSegment>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
        where TSegment : struct, ISegment
    {
        if ((cpu.State->Cr4 & ControlBits.Cr4FsGsBase) == 0)
            return cpu.RaiseUndefined();
        ulong value = Width.ZeroExtend(Width.Get<T>(cpu.State, op->Rm));
        if (!cpu.CheckCanonicalBase(value))
            return false;
        cpu.State->SegmentBase[TSegment.Number] = value;
        return true;
    }

    private static void AddPointers<TSegment>(OpTable table, Code first)
        where TSegment : struct, ISegment
    {
        AddPointer<ushort, TSegment>(table, first);
        AddPointer<uint, TSegment>(table, first + 1);
        AddPointer<ulong, TSegment>(table, first + 2);
    }

    private static void AddPointer<T, TSegment>(OpTable table, Code code)
        where T : unmanaged
        where TSegment : struct, ISegment => table.AddLast(code, &LoadPointer<T, TSegment>);

    private readonly struct Es : ISegment
    {
        public static int Number => CpuState.Es;
    }

    private readonly struct Cs : ISegment
    {
        public static int Number => CpuState.Cs;
    }

    private readonly struct Ss : ISegment
    {
        public static int Number => CpuState.Ss;
    }

    private readonly struct Ds : ISegment
    {
        public static int Number => CpuState.Ds;
    }

    private readonly struct Fs : ISegment
    {
        public static int Number => CpuState.Fs;
    }

    private readonly struct Gs : ISegment
    {
        public static int Number => CpuState.Gs;
    }
}
