using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Conversions between general registers and scalars, and comparisons into RFLAGS, with and without VEX.</summary>
internal static unsafe class ScalarConversionHandlers
{
    /// <summary>A choice made where the instruction is registered.</summary>
    internal interface IChoice
    {
        static abstract bool Value { get; }
    }

    /// <summary>The choice holds.</summary>
    public readonly struct Yes : IChoice
    {
        public static bool Value => true;
    }

    /// <summary>The choice does not hold.</summary>
    public readonly struct No : IChoice
    {
        public static bool Value => false;
    }

    /// <summary>CVTSI2SS, CVTSI2SD from a general register. T is the integer.</summary>
    public static bool FromInteger<TEncoding, T, TDouble>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
        where T : unmanaged
        where TDouble : struct, IChoice
        => TEncoding.Check(cpu) && FromInteger<TEncoding, TDouble>(cpu, op, Extend(*(T*)&cpu.State->Gpr[op->Rm]));

    /// <summary>CVTSI2SS, CVTSI2SD from memory.</summary>
    public static bool FromIntegerMemory<TEncoding, T, TDouble>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
        where T : unmanaged
        where TDouble : struct, IChoice
        => TEncoding.Check(cpu) && cpu.TryLoad(cpu.Address(op), out T value) && FromInteger<TEncoding, TDouble>(cpu, op, Extend(value));

    /// <summary>CVT(T)SS2SI and CVT(T)SD2SI from a vector register. TFloat is uint or ulong, TInteger int or long.</summary>
    public static bool ToInteger<TEncoding, TFloat, TInteger, TTruncate>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
        where TFloat : unmanaged
        where TInteger : unmanaged
        where TTruncate : struct, IChoice
        => TEncoding.Check(cpu) && ToInteger<TFloat, TInteger, TTruncate>(cpu, op, *(TFloat*)SimdUnit.Xmm(cpu.State, op->Rm));

    /// <summary>CVT(T)SS2SI and CVT(T)SD2SI from memory.</summary>
    public static bool ToIntegerMemory<TEncoding, TFloat, TInteger, TTruncate>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
        where TFloat : unmanaged
        where TInteger : unmanaged
        where TTruncate : struct, IChoice
        => TEncoding.Check(cpu) && cpu.TryLoad(cpu.Address(op), out TFloat value) && ToInteger<TFloat, TInteger, TTruncate>(cpu, op, value);

    /// <summary>(U)COMISS and (U)COMISD with a register. T is uint or ulong.</summary>
    public static bool Compare<TEncoding, T, TSignalQuiet>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
        where T : unmanaged
        where TSignalQuiet : struct, IChoice
        => TEncoding.Check(cpu) && Compare<T, TSignalQuiet>(cpu, op, *(T*)SimdUnit.Xmm(cpu.State, op->Rm));

    /// <summary>(U)COMISS and (U)COMISD with memory.</summary>
    public static bool CompareMemory<TEncoding, T, TSignalQuiet>(SoftwareCpu cpu, Op* op)
        where TEncoding : struct, GeneralHandlers.IEncoding
        where T : unmanaged
        where TSignalQuiet : struct, IChoice
        => TEncoding.Check(cpu) && cpu.TryLoad(cpu.Address(op), out T value) && Compare<T, TSignalQuiet>(cpu, op, value);

    /// <summary>Sets ZF, PF and CF from the bits of a flags register; clears OF, SF and AF.</summary>
    public static void SetFlags(CpuState* state, uint flags)
    {
        state->FlagZero = (flags & 0x40) != 0 ? 0UL : 1;
        state->FlagSign = (flags & 0x04) != 0 ? 0UL : 1;
        state->FlagCarry = (flags & 0x01) != 0 ? 3UL << 62 : 0;
        state->FlagAuxiliary = 0;
    }

    private static long Extend<T>(T value)
        where T : unmanaged => sizeof(T) == 4 ? *(int*)&value : *(long*)&value;

    private static bool FromInteger<TEncoding, TDouble>(SoftwareCpu cpu, Op* op, long value)
        where TEncoding : struct, GeneralHandlers.IEncoding
        where TDouble : struct, IChoice
    {
        CpuState* state = cpu.State;
        var context = new FloatContext(state->Mxcsr);
        V result = TDouble.Value
            ? TEncoding.First(state, op).AsUInt64().WithElement(0, FloatConvert.ToDouble(value, ref context)).AsByte()
            : TEncoding.First(state, op).AsUInt32().WithElement(0, FloatConvert.ToSingle(value, ref context)).AsByte();
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        TEncoding.Set(state, op->Reg, result);
        return true;
    }

    private static bool ToInteger<TFloat, TInteger, TTruncate>(SoftwareCpu cpu, Op* op, TFloat value)
        where TFloat : unmanaged
        where TInteger : unmanaged
        where TTruncate : struct, IChoice
    {
        CpuState* state = cpu.State;
        var context = new FloatContext(state->Mxcsr);
        RoundingMode mode = TTruncate.Value ? RoundingMode.Zero : context.Rounding;
        long result = sizeof(TFloat) == 4
            ? FloatConvert.ToInteger(*(uint*)&value, mode, sizeof(TInteger), ref context)
            : FloatConvert.ToInteger(*(ulong*)&value, mode, sizeof(TInteger), ref context);
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        state->Gpr[op->Reg] = sizeof(TInteger) == 4 ? (uint)result : (ulong)result;
        return true;
    }

    private static bool Compare<T, TSignalQuiet>(SoftwareCpu cpu, Op* op, T value)
        where T : unmanaged
        where TSignalQuiet : struct, IChoice
    {
        CpuState* state = cpu.State;
        var context = new FloatContext(state->Mxcsr);
        void* first = SimdUnit.Xmm(state, op->Reg);
        uint flags = sizeof(T) == 4
            ? FloatCompare.Flags(*(uint*)first, *(uint*)&value, TSignalQuiet.Value, ref context)
            : FloatCompare.Flags(*(ulong*)first, *(ulong*)&value, TSignalQuiet.Value, ref context);
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        SetFlags(state, flags);
        return true;
    }
}
