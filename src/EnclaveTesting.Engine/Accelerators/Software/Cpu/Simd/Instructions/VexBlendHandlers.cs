using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;
using W = System.Runtime.Intrinsics.Vector256<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>VBLENDVPx, VPBLENDVB (the mask is a fourth register), VPTEST and VTESTPx. A wide operation has 256 bits.</summary>
internal static unsafe class VexBlendHandlers
{
    /// <summary>The bits of each element that a test looks at.</summary>
    internal interface IBits
    {
        static abstract V Mask { get; }
    }

    /// <summary>All (VPTEST).</summary>
    public readonly struct AllBits : IBits
    {
        public static V Mask => V.AllBitsSet;
    }

    /// <summary>The signs of singles (VTESTPS).</summary>
    public readonly struct Singles : IBits
    {
        public static V Mask => Vector128.Create(1U << 31).AsByte();
    }

    /// <summary>The signs of doubles (VTESTPD).</summary>
    public readonly struct Doubles : IBits
    {
        public static V Mask => Vector128.Create(1UL << 63).AsByte();
    }

    /// <summary>A blend with a register. T is the signed integer of an element's size.</summary>
    public static bool Blend<T, TWide>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        V* source = SimdUnit.Xmm(cpu.State, op->Rm);
        Blend<T, TWide>(cpu.State, op, source[0], source[1]);
        return true;
    }

    /// <summary>A blend with memory.</summary>
    public static bool BlendMemory<T, TWide>(SoftwareCpu cpu, Op* op)
        where T : unmanaged
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        if (!TryLoad<TWide>(cpu, op, out V lower, out V upper))
            return false;
        Blend<T, TWide>(cpu.State, op, lower, upper);
        return true;
    }

    /// <summary>A test with a register.</summary>
    public static bool Test<TBits, TWide>(SoftwareCpu cpu, Op* op)
        where TBits : struct, IBits
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        V* source = SimdUnit.Xmm(cpu.State, op->Rm);
        Test<TBits, TWide>(cpu.State, op, source[0], source[1]);
        return true;
    }

    /// <summary>A test with memory.</summary>
    public static bool TestMemory<TBits, TWide>(SoftwareCpu cpu, Op* op)
        where TBits : struct, IBits
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        if (!TryLoad<TWide>(cpu, op, out V lower, out V upper))
            return false;
        Test<TBits, TWide>(cpu.State, op, lower, upper);
        return true;
    }

    private static void Blend<T, TWide>(CpuState* state, Op* op, V lower, V upper)
        where T : unmanaged
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        V* mask = SimdUnit.Xmm(state, (int)op->Immediate);
        V* first = SimdUnit.Xmm(state, op->Vvvv);
        lower = Vector128.ConditionalSelect(BlendHandlers.SignMask<T>(mask[0]), lower, first[0]);
        upper = TWide.Value ? Vector128.ConditionalSelect(BlendHandlers.SignMask<T>(mask[1]), upper, first[1]) : default;
        VexHandlers.Store(state, op->Reg, lower, upper);
    }

    private static void Test<TBits, TWide>(CpuState* state, Op* op, V lower, V upper)
        where TBits : struct, IBits
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        V* first = SimdUnit.Xmm(state, op->Reg);
        V both = lower & first[0];
        V second = lower & ~first[0];
        if (TWide.Value)
        {
            both |= upper & first[1];
            second |= upper & ~first[1];
        }

        ScalarConversionHandlers.SetFlags(state, ((both & TBits.Mask) == V.Zero ? 0x40U : 0) | ((second & TBits.Mask) == V.Zero ? 1U : 0));
    }

    private static bool TryLoad<TWide>(SoftwareCpu cpu, Op* op, out V lower, out V upper)
        where TWide : struct, ScalarConversionHandlers.IChoice
    {
        upper = default;
        if (!TWide.Value)
            return cpu.TryLoad(cpu.Address(op), out lower);
        bool loaded = cpu.TryLoad(cpu.Address(op), out W value);
        (lower, upper) = (value.GetLower(), value.GetUpper());
        return loaded;
    }
}
