using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>VCVTPS2PH: its destination is in ModRM.rm. A wide operation has a source of 256 bits.</summary>
internal static unsafe class HalfPrecisionHandlers
{
    private const int FromMxcsr = 4;

    /// <summary>To a register.</summary>
    public static bool Narrow<TWide>(SoftwareCpu cpu, Op* op)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        V result = Convert<TWide>(cpu, op, out FloatContext context);
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        VexHandlers.Store(cpu.State, op->Rm, result, default);
        return true;
    }

    /// <summary>To memory.</summary>
    public static bool NarrowToMemory<TWide>(SoftwareCpu cpu, Op* op)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        V result = Convert<TWide>(cpu, op, out FloatContext context);
        if (context.Unmasked != 0)
            return SimdUnit.Commit(cpu, in context);
        ulong address = cpu.Address(op);
        bool stored = TWide.Value ? cpu.TryStore(address, result) : cpu.TryStore(address, *(ulong*)&result);
        return stored && SimdUnit.Commit(cpu, in context);
    }

    private static V Convert<TWide>(SoftwareCpu cpu, Op* op, out FloatContext context)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        context = new FloatContext(cpu.State->Mxcsr);
        RoundingMode mode = (op->Immediate & FromMxcsr) != 0 ? context.Rounding : (RoundingMode)(op->Immediate & 3);
        uint* source = (uint*)SimdUnit.Xmm(cpu.State, op->Reg);
        V result = default;
        for (int i = 0; i < (TWide.Value ? 8 : 4); i++)
            ((ushort*)&result)[i] = FloatConvert.SingleToHalf(source[i], mode, ref context);
        return result;
    }
}
