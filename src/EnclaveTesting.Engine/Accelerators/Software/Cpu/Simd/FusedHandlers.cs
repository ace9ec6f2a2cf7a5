using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<byte>;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>
/// The instructions of FMA. The digits of a name say which operands are multiplied and which one is added: 132 multiplies the first (which is also
/// the destination) by the third and adds the second.
/// </summary>
internal static unsafe class FusedHandlers
{
    /// <summary>What is computed of 128 bits: all elements or the lowest one.</summary>
    internal interface IShape
    {
        /// <summary>±(a × b) ± c; other elements from <paramref name="old"/>.</summary>
        static abstract V Apply<TSigns>(V a, V b, V c, V old, ref FloatContext context)
            where TSigns : struct, IFusedSigns;
    }

    /// <summary>The order of the operands.</summary>
    internal interface IOrder
    {
        /// <summary>The operands' numbers.</summary>
        static abstract int Digits { get; }
    }

    public readonly struct Order132 : IOrder
    {
        public static int Digits => 132;
    }

    public readonly struct Order213 : IOrder
    {
        public static int Digits => 213;
    }

    public readonly struct Order231 : IOrder
    {
        public static int Digits => 231;
    }

    public readonly struct PackedSingle : IShape
    {
        public static V Apply<TSigns>(V a, V b, V c, V old, ref FloatContext context)
            where TSigns : struct, IFusedSigns => FusedLanes.PackedSingle<TSigns>(a, b, c, ref context);
    }

    public readonly struct PackedDouble : IShape
    {
        public static V Apply<TSigns>(V a, V b, V c, V old, ref FloatContext context)
            where TSigns : struct, IFusedSigns => FusedLanes.PackedDouble<TSigns>(a, b, c, ref context);
    }

    public readonly struct ScalarSingle : IShape
    {
        public static V Apply<TSigns>(V a, V b, V c, V old, ref FloatContext context)
            where TSigns : struct, IFusedSigns => old.AsUInt32().WithElement(
                0, FusedLanes.Single(a.AsUInt32()[0], b.AsUInt32()[0], c.AsUInt32()[0], TSigns.NegatesProduct, TSigns.NegatesEven, ref context)).AsByte();
    }

    public readonly struct ScalarDouble : IShape
    {
        public static V Apply<TSigns>(V a, V b, V c, V old, ref FloatContext context)
            where TSigns : struct, IFusedSigns => old.AsUInt64().WithElement(
                0, FusedLanes.Double(a.AsUInt64()[0], b.AsUInt64()[0], c.AsUInt64()[0], TSigns.NegatesProduct, TSigns.NegatesEven, ref context)).AsByte();
    }

    /// <summary>xmm, xmm, xmm.</summary>
    public static bool Register128<TShape, TSigns, TOrder>(SoftwareCpu cpu, Op* op)
        where TShape : struct, IShape
        where TSigns : struct, IFusedSigns
        where TOrder : struct, IOrder => Finish128<TShape, TSigns, TOrder>(cpu, op, *SimdUnit.Xmm(cpu.State, op->Rm));

    /// <summary>xmm, xmm, memory.</summary>
    public static bool Memory128<TShape, TSigns, TOrder, TOperand>(SoftwareCpu cpu, Op* op)
        where TShape : struct, IShape
        where TSigns : struct, IFusedSigns
        where TOrder : struct, IOrder
        where TOperand : struct, IVectorOperand => TOperand.TryLoad(cpu, op, out V value) && Finish128<TShape, TSigns, TOrder>(cpu, op, value);

    /// <summary>ymm, ymm, ymm.</summary>
    public static bool Register256<TShape, TSigns, TOrder>(SoftwareCpu cpu, Op* op)
        where TShape : struct, IShape
        where TSigns : struct, IFusedSigns
        where TOrder : struct, IOrder
    {
        V* third = SimdUnit.Xmm(cpu.State, op->Rm);
        return Finish256<TShape, TSigns, TOrder>(cpu, op, third[0], third[1]);
    }

    /// <summary>ymm, ymm, memory.</summary>
    public static bool Memory256<TShape, TSigns, TOrder>(SoftwareCpu cpu, Op* op)
        where TShape : struct, IShape
        where TSigns : struct, IFusedSigns
        where TOrder : struct, IOrder => VexHandlers.TryLoad256(cpu, op, out V lower, out V upper) && Finish256<TShape, TSigns, TOrder>(cpu, op, lower, upper);

    private static bool Finish128<TShape, TSigns, TOrder>(SoftwareCpu cpu, Op* op, V third)
        where TShape : struct, IShape
        where TSigns : struct, IFusedSigns
        where TOrder : struct, IOrder
    {
        CpuState* state = cpu.State;
        var context = new FloatContext(state->Mxcsr);
        V result = Apply<TShape, TSigns, TOrder>(*SimdUnit.Xmm(state, op->Reg), *SimdUnit.Xmm(state, op->Vvvv), third, ref context);
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        VexHandlers.Store(state, op->Reg, result, default);
        return true;
    }

    private static bool Finish256<TShape, TSigns, TOrder>(SoftwareCpu cpu, Op* op, V thirdLower, V thirdUpper)
        where TShape : struct, IShape
        where TSigns : struct, IFusedSigns
        where TOrder : struct, IOrder
    {
        CpuState* state = cpu.State;
        V* first = SimdUnit.Xmm(state, op->Reg);
        V* second = SimdUnit.Xmm(state, op->Vvvv);
        var context = new FloatContext(state->Mxcsr);
        V lower = Apply<TShape, TSigns, TOrder>(first[0], second[0], thirdLower, ref context);
        V upper = Apply<TShape, TSigns, TOrder>(first[1], second[1], thirdUpper, ref context);
        if (!SimdUnit.Commit(cpu, in context))
            return false;
        VexHandlers.Store(state, op->Reg, lower, upper);
        return true;
    }

    private static V Apply<TShape, TSigns, TOrder>(V first, V second, V third, ref FloatContext context)
        where TShape : struct, IShape
        where TSigns : struct, IFusedSigns
        where TOrder : struct, IOrder => TOrder.Digits switch
        {
            132 => TShape.Apply<TSigns>(first, third, second, first, ref context),
            213 => TShape.Apply<TSigns>(second, first, third, first, ref context),
            _ => TShape.Apply<TSigns>(second, third, first, first, ref context),
        };
}
