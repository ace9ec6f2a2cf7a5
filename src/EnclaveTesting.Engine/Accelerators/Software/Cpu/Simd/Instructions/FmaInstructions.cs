using Iced.Intel;
using Order132 = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.FusedHandlers.Order132;
using Order213 = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.FusedHandlers.Order213;
using Order231 = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.FusedHandlers.Order231;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Fused multiply-add of FMA.</summary>
internal static unsafe class FmaInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        Packed<FusedHandlers.PackedSingle, FusedSigns.Add, Order132>(table, Code.VEX_Vfmadd132ps_xmm_xmm_xmmm128, Code.VEX_Vfmadd132ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.Add, Order132>(table, Code.VEX_Vfmadd132pd_xmm_xmm_xmmm128, Code.VEX_Vfmadd132pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.Add, Order132, VectorOperands.Doubleword>(table, Code.VEX_Vfmadd132ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.Add, Order132, VectorOperands.Quadword>(table, Code.VEX_Vfmadd132sd_xmm_xmm_xmmm64);
        Packed<FusedHandlers.PackedSingle, FusedSigns.Add, Order213>(table, Code.VEX_Vfmadd213ps_xmm_xmm_xmmm128, Code.VEX_Vfmadd213ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.Add, Order213>(table, Code.VEX_Vfmadd213pd_xmm_xmm_xmmm128, Code.VEX_Vfmadd213pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.Add, Order213, VectorOperands.Doubleword>(table, Code.VEX_Vfmadd213ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.Add, Order213, VectorOperands.Quadword>(table, Code.VEX_Vfmadd213sd_xmm_xmm_xmmm64);
        Packed<FusedHandlers.PackedSingle, FusedSigns.Add, Order231>(table, Code.VEX_Vfmadd231ps_xmm_xmm_xmmm128, Code.VEX_Vfmadd231ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.Add, Order231>(table, Code.VEX_Vfmadd231pd_xmm_xmm_xmmm128, Code.VEX_Vfmadd231pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.Add, Order231, VectorOperands.Doubleword>(table, Code.VEX_Vfmadd231ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.Add, Order231, VectorOperands.Quadword>(table, Code.VEX_Vfmadd231sd_xmm_xmm_xmmm64);

        Packed<FusedHandlers.PackedSingle, FusedSigns.Subtract, Order132>(table, Code.VEX_Vfmsub132ps_xmm_xmm_xmmm128, Code.VEX_Vfmsub132ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.Subtract, Order132>(table, Code.VEX_Vfmsub132pd_xmm_xmm_xmmm128, Code.VEX_Vfmsub132pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.Subtract, Order132, VectorOperands.Doubleword>(table, Code.VEX_Vfmsub132ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.Subtract, Order132, VectorOperands.Quadword>(table, Code.VEX_Vfmsub132sd_xmm_xmm_xmmm64);
        Packed<FusedHandlers.PackedSingle, FusedSigns.Subtract, Order213>(table, Code.VEX_Vfmsub213ps_xmm_xmm_xmmm128, Code.VEX_Vfmsub213ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.Subtract, Order213>(table, Code.VEX_Vfmsub213pd_xmm_xmm_xmmm128, Code.VEX_Vfmsub213pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.Subtract, Order213, VectorOperands.Doubleword>(table, Code.VEX_Vfmsub213ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.Subtract, Order213, VectorOperands.Quadword>(table, Code.VEX_Vfmsub213sd_xmm_xmm_xmmm64);
        Packed<FusedHandlers.PackedSingle, FusedSigns.Subtract, Order231>(table, Code.VEX_Vfmsub231ps_xmm_xmm_xmmm128, Code.VEX_Vfmsub231ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.Subtract, Order231>(table, Code.VEX_Vfmsub231pd_xmm_xmm_xmmm128, Code.VEX_Vfmsub231pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.Subtract, Order231, VectorOperands.Doubleword>(table, Code.VEX_Vfmsub231ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.Subtract, Order231, VectorOperands.Quadword>(table, Code.VEX_Vfmsub231sd_xmm_xmm_xmmm64);

        Packed<FusedHandlers.PackedSingle, FusedSigns.NegateAdd, Order132>(table, Code.VEX_Vfnmadd132ps_xmm_xmm_xmmm128, Code.VEX_Vfnmadd132ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.NegateAdd, Order132>(table, Code.VEX_Vfnmadd132pd_xmm_xmm_xmmm128, Code.VEX_Vfnmadd132pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.NegateAdd, Order132, VectorOperands.Doubleword>(table, Code.VEX_Vfnmadd132ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.NegateAdd, Order132, VectorOperands.Quadword>(table, Code.VEX_Vfnmadd132sd_xmm_xmm_xmmm64);
        Packed<FusedHandlers.PackedSingle, FusedSigns.NegateAdd, Order213>(table, Code.VEX_Vfnmadd213ps_xmm_xmm_xmmm128, Code.VEX_Vfnmadd213ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.NegateAdd, Order213>(table, Code.VEX_Vfnmadd213pd_xmm_xmm_xmmm128, Code.VEX_Vfnmadd213pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.NegateAdd, Order213, VectorOperands.Doubleword>(table, Code.VEX_Vfnmadd213ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.NegateAdd, Order213, VectorOperands.Quadword>(table, Code.VEX_Vfnmadd213sd_xmm_xmm_xmmm64);
        Packed<FusedHandlers.PackedSingle, FusedSigns.NegateAdd, Order231>(table, Code.VEX_Vfnmadd231ps_xmm_xmm_xmmm128, Code.VEX_Vfnmadd231ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.NegateAdd, Order231>(table, Code.VEX_Vfnmadd231pd_xmm_xmm_xmmm128, Code.VEX_Vfnmadd231pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.NegateAdd, Order231, VectorOperands.Doubleword>(table, Code.VEX_Vfnmadd231ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.NegateAdd, Order231, VectorOperands.Quadword>(table, Code.VEX_Vfnmadd231sd_xmm_xmm_xmmm64);

        Packed<FusedHandlers.PackedSingle, FusedSigns.NegateSubtract, Order132>(table, Code.VEX_Vfnmsub132ps_xmm_xmm_xmmm128, Code.VEX_Vfnmsub132ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.NegateSubtract, Order132>(table, Code.VEX_Vfnmsub132pd_xmm_xmm_xmmm128, Code.VEX_Vfnmsub132pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.NegateSubtract, Order132, VectorOperands.Doubleword>(table, Code.VEX_Vfnmsub132ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.NegateSubtract, Order132, VectorOperands.Quadword>(table, Code.VEX_Vfnmsub132sd_xmm_xmm_xmmm64);
        Packed<FusedHandlers.PackedSingle, FusedSigns.NegateSubtract, Order213>(table, Code.VEX_Vfnmsub213ps_xmm_xmm_xmmm128, Code.VEX_Vfnmsub213ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.NegateSubtract, Order213>(table, Code.VEX_Vfnmsub213pd_xmm_xmm_xmmm128, Code.VEX_Vfnmsub213pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.NegateSubtract, Order213, VectorOperands.Doubleword>(table, Code.VEX_Vfnmsub213ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.NegateSubtract, Order213, VectorOperands.Quadword>(table, Code.VEX_Vfnmsub213sd_xmm_xmm_xmmm64);
        Packed<FusedHandlers.PackedSingle, FusedSigns.NegateSubtract, Order231>(table, Code.VEX_Vfnmsub231ps_xmm_xmm_xmmm128, Code.VEX_Vfnmsub231ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.NegateSubtract, Order231>(table, Code.VEX_Vfnmsub231pd_xmm_xmm_xmmm128, Code.VEX_Vfnmsub231pd_ymm_ymm_ymmm256);
        Scalar<FusedHandlers.ScalarSingle, FusedSigns.NegateSubtract, Order231, VectorOperands.Doubleword>(table, Code.VEX_Vfnmsub231ss_xmm_xmm_xmmm32);
        Scalar<FusedHandlers.ScalarDouble, FusedSigns.NegateSubtract, Order231, VectorOperands.Quadword>(table, Code.VEX_Vfnmsub231sd_xmm_xmm_xmmm64);

        Packed<FusedHandlers.PackedSingle, FusedSigns.AddSubtract, Order132>(table, Code.VEX_Vfmaddsub132ps_xmm_xmm_xmmm128, Code.VEX_Vfmaddsub132ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.AddSubtract, Order132>(table, Code.VEX_Vfmaddsub132pd_xmm_xmm_xmmm128, Code.VEX_Vfmaddsub132pd_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedSingle, FusedSigns.AddSubtract, Order213>(table, Code.VEX_Vfmaddsub213ps_xmm_xmm_xmmm128, Code.VEX_Vfmaddsub213ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.AddSubtract, Order213>(table, Code.VEX_Vfmaddsub213pd_xmm_xmm_xmmm128, Code.VEX_Vfmaddsub213pd_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedSingle, FusedSigns.AddSubtract, Order231>(table, Code.VEX_Vfmaddsub231ps_xmm_xmm_xmmm128, Code.VEX_Vfmaddsub231ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.AddSubtract, Order231>(table, Code.VEX_Vfmaddsub231pd_xmm_xmm_xmmm128, Code.VEX_Vfmaddsub231pd_ymm_ymm_ymmm256);

        Packed<FusedHandlers.PackedSingle, FusedSigns.SubtractAdd, Order132>(table, Code.VEX_Vfmsubadd132ps_xmm_xmm_xmmm128, Code.VEX_Vfmsubadd132ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.SubtractAdd, Order132>(table, Code.VEX_Vfmsubadd132pd_xmm_xmm_xmmm128, Code.VEX_Vfmsubadd132pd_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedSingle, FusedSigns.SubtractAdd, Order213>(table, Code.VEX_Vfmsubadd213ps_xmm_xmm_xmmm128, Code.VEX_Vfmsubadd213ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.SubtractAdd, Order213>(table, Code.VEX_Vfmsubadd213pd_xmm_xmm_xmmm128, Code.VEX_Vfmsubadd213pd_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedSingle, FusedSigns.SubtractAdd, Order231>(table, Code.VEX_Vfmsubadd231ps_xmm_xmm_xmmm128, Code.VEX_Vfmsubadd231ps_ymm_ymm_ymmm256);
        Packed<FusedHandlers.PackedDouble, FusedSigns.SubtractAdd, Order231>(table, Code.VEX_Vfmsubadd231pd_xmm_xmm_xmmm128, Code.VEX_Vfmsubadd231pd_ymm_ymm_ymmm256);
    }

    private static void Packed<TShape, TSigns, TOrder>(OpTable table, Code vex128, Code vex256)
        where TShape : struct, FusedHandlers.IShape
        where TSigns : struct, IFusedSigns
        where TOrder : struct, FusedHandlers.IOrder
    {
        Scalar<TShape, TSigns, TOrder, VectorOperands.Any>(table, vex128);
        table.Add(vex256, &FusedHandlers.Register256<TShape, TSigns, TOrder>, &FusedHandlers.Memory256<TShape, TSigns, TOrder>);
    }

    private static void Scalar<TShape, TSigns, TOrder, TOperand>(OpTable table, Code vex)
        where TShape : struct, FusedHandlers.IShape
        where TSigns : struct, IFusedSigns
        where TOrder : struct, FusedHandlers.IOrder
        where TOperand : struct, IVectorOperand
        => table.Add(vex, &FusedHandlers.Register128<TShape, TSigns, TOrder>, &FusedHandlers.Memory128<TShape, TSigns, TOrder, TOperand>);
}
