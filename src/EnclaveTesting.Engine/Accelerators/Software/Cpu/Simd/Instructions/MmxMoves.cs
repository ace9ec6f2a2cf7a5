using System.Runtime.Intrinsics;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Moves, insertions and extractions of MMX registers.</summary>
internal static unsafe class MmxMoves
{
    /// <summary>mm from a general register.</summary>
    public static bool FromGeneral<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Check(cpu) && Set(cpu, op->Reg, Widen(*(T*)&cpu.State->Gpr[op->Rm]));

    /// <summary>mm from memory.</summary>
    public static bool Load<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged => Check(cpu) && cpu.TryLoad(cpu.Address(op), out T value) && Set(cpu, op->Reg, Widen(value));

    /// <summary>mm to a general register.</summary>
    public static bool ToGeneral<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (!Check(cpu))
            return false;
        cpu.State->Gpr[op->Rm] = Widen(*(T*)SimdUnit.Mm(cpu.State, op->Reg));
        SimdUnit.EnterMmx(cpu.State);
        return true;
    }

    /// <summary>mm to memory.</summary>
    public static bool Store<T>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
    {
        if (!Check(cpu) || !cpu.TryStore(cpu.Address(op), *(T*)SimdUnit.Mm(cpu.State, op->Reg)))
            return false;
        SimdUnit.EnterMmx(cpu.State);
        return true;
    }

    /// <summary>mm to the mm in ModRM.rm.</summary>
    public static bool ToRm(SoftwareCpu cpu, Op* op) => Check(cpu) && Set(cpu, op->Rm, *SimdUnit.Mm(cpu.State, op->Reg));

    /// <summary>MASKMOVQ: the bytes whose mask byte is negative, to DS:rDI.</summary>
    public static bool MaskedBytes(SoftwareCpu cpu, Op* op)
    {
        if (!Check(cpu))
            return false;
        Vector128<byte> value = Vector128.CreateScalar(*SimdUnit.Mm(cpu.State, op->Reg)).AsByte();
        Vector128<byte> mask = Vector128.CreateScalar(*SimdUnit.Mm(cpu.State, op->Rm)).AsByte();
        if (!StoreHandlers.StoreMasked(cpu, StoreHandlers.ImplicitAddress(cpu, op), value, mask, 8))
            return false;
        SimdUnit.EnterMmx(cpu.State);
        return true;
    }

    /// <summary>MOVQ2DQ.</summary>
    public static bool ToXmm(SoftwareCpu cpu, Op* op)
    {
        if (!CheckBoth(cpu))
            return false;
        *SimdUnit.Xmm(cpu.State, op->Reg) = Vector128.CreateScalar(*SimdUnit.Mm(cpu.State, op->Rm)).AsByte();
        SimdUnit.EnterMmx(cpu.State);
        return true;
    }

    /// <summary>MOVDQ2Q.</summary>
    public static bool FromXmm(SoftwareCpu cpu, Op* op)
        => CheckBoth(cpu) && Set(cpu, op->Reg, *(ulong*)SimdUnit.Xmm(cpu.State, op->Rm));

    /// <summary>PINSRW from a general register.</summary>
    public static bool InsertWord(SoftwareCpu cpu, Op* op)
        => Check(cpu) && InsertWord(cpu, op, (ushort)cpu.State->Gpr[op->Rm]);

    /// <summary>PINSRW from memory.</summary>
    public static bool InsertWordFromMemory(SoftwareCpu cpu, Op* op)
        => Check(cpu) && cpu.TryLoad(cpu.Address(op), out ushort value) && InsertWord(cpu, op, value);

    /// <summary>PEXTRW.</summary>
    public static bool ExtractWord(SoftwareCpu cpu, Op* op)
    {
        if (!Check(cpu))
            return false;
        cpu.State->Gpr[op->Reg] = (ushort)(*SimdUnit.Mm(cpu.State, op->Rm) >> ((int)(op->Immediate & 3) * 16));
        SimdUnit.EnterMmx(cpu.State);
        return true;
    }

    /// <summary>PMOVMSKB.</summary>
    public static bool SignBits(SoftwareCpu cpu, Op* op)
    {
        if (!Check(cpu))
            return false;
        cpu.State->Gpr[op->Reg] = Vector128.CreateScalar(*SimdUnit.Mm(cpu.State, op->Rm)).AsByte().ExtractMostSignificantBits();
        SimdUnit.EnterMmx(cpu.State);
        return true;
    }

    /// <summary>Whether an instruction that works on MMX and XMM registers may run.</summary>
    public static bool CheckBoth(SoftwareCpu cpu)
        => SimdUnit.IsReady(cpu.State) ? Check(cpu) : SimdUnit.Refuse(cpu);

    private static bool Check(SoftwareCpu cpu) => SimdUnit.IsMmxReady(cpu.State) || SimdUnit.RefuseMmx(cpu);

    private static ulong Widen<T>(T value)
        where T : unmanaged
    {
        ulong wide = 0;
        *(T*)&wide = value;
        return wide;
    }

    private static bool Set(SoftwareCpu cpu, int register, ulong value)
    {
        SimdUnit.EnterMmx(cpu.State);
        SimdUnit.SetMm(cpu.State, register, value);
        return true;
    }

    private static bool InsertWord(SoftwareCpu cpu, Op* op, ushort value)
    {
        int shift = (int)(op->Immediate & 3) * 16;
        return Set(cpu, op->Reg, (*SimdUnit.Mm(cpu.State, op->Reg) & ~(0xFFFFUL << shift)) | ((ulong)value << shift));
    }
}
