using Iced.Intel;
using Byte = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.VectorOperands.Byte;
using Doubleword = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.VectorOperands.Doubleword;
using No = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.ScalarConversionHandlers.No;
using Quadword = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.VectorOperands.Quadword;
using Whole = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.VectorOperands.Any;
using Word = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.VectorOperands.Word;
using Yes = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.ScalarConversionHandlers.Yes;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>What AVX, AVX2 and F16C have that SSE has not, except moves: permutations, broadcasts, shifts by element, blends, tests, conversions.</summary>
internal static unsafe class AvxInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        VectorTable.Packed<VariableShifts.Permilps>(table, Code.INVALID, Code.VEX_Vpermilps_xmm_xmm_xmmm128, Code.VEX_Vpermilps_ymm_ymm_ymmm256);
        VectorTable.Packed<Shuffles.Pshufd>(table, Code.INVALID, Code.VEX_Vpermilps_xmm_xmmm128_imm8, Code.VEX_Vpermilps_ymm_ymmm256_imm8);
        VectorTable.Packed<VariableShifts.Permilpd>(table, Code.INVALID, Code.VEX_Vpermilpd_xmm_xmm_xmmm128, Code.VEX_Vpermilpd_ymm_ymm_ymmm256);
        VectorTable.Packed<VariableShifts.PermilpdImm, UpperImmediate<VariableShifts.PermilpdImm, UpperImmediate.Two>>(table, Code.INVALID, Code.VEX_Vpermilpd_xmm_xmmm128_imm8, Code.VEX_Vpermilpd_ymm_ymmm256_imm8);
        VectorTable.Packed<Shuffles.Blendps, UpperImmediate<Shuffles.Blendps, UpperImmediate.Four>>(table, Code.INVALID, Code.VEX_Vpblendd_xmm_xmm_xmmm128_imm8, Code.VEX_Vpblendd_ymm_ymm_ymmm256_imm8);
        VectorTable.Packed<VariableShifts.Psllvd>(table, Code.INVALID, Code.VEX_Vpsllvd_xmm_xmm_xmmm128, Code.VEX_Vpsllvd_ymm_ymm_ymmm256);
        VectorTable.Packed<VariableShifts.Psllvq>(table, Code.INVALID, Code.VEX_Vpsllvq_xmm_xmm_xmmm128, Code.VEX_Vpsllvq_ymm_ymm_ymmm256);
        VectorTable.Packed<VariableShifts.Psrlvd>(table, Code.INVALID, Code.VEX_Vpsrlvd_xmm_xmm_xmmm128, Code.VEX_Vpsrlvd_ymm_ymm_ymmm256);
        VectorTable.Packed<VariableShifts.Psrlvq>(table, Code.INVALID, Code.VEX_Vpsrlvq_xmm_xmm_xmmm128, Code.VEX_Vpsrlvq_ymm_ymm_ymmm256);
        VectorTable.Packed<VariableShifts.Psravd>(table, Code.INVALID, Code.VEX_Vpsravd_xmm_xmm_xmmm128, Code.VEX_Vpsravd_ymm_ymm_ymmm256);

        AddWide<WideMoves.PermuteHalves>(table, Code.VEX_Vperm2f128_ymm_ymm_ymmm256_imm8);
        AddWide<WideMoves.PermuteHalves>(table, Code.VEX_Vperm2i128_ymm_ymm_ymmm256_imm8);
        AddWide<WideMoves.PermuteDoublewords>(table, Code.VEX_Vpermd_ymm_ymm_ymmm256);
        AddWide<WideMoves.PermuteDoublewords>(table, Code.VEX_Vpermps_ymm_ymm_ymmm256);
        AddWide<WideMoves.PermuteQuadwords>(table, Code.VEX_Vpermq_ymm_ymmm256_imm8);
        AddWide<WideMoves.PermuteQuadwords>(table, Code.VEX_Vpermpd_ymm_ymmm256_imm8);
        AddNarrow<WideMoves.InsertHalf, Whole>(table, Code.VEX_Vinsertf128_ymm_ymm_xmmm128_imm8);
        AddNarrow<WideMoves.InsertHalf, Whole>(table, Code.VEX_Vinserti128_ymm_ymm_xmmm128_imm8);
        AddNarrow<WideMoves.BroadcastHalf, Whole>(table, Code.VEX_Vbroadcastf128_ymm_m128);
        AddNarrow<WideMoves.BroadcastHalf, Whole>(table, Code.VEX_Vbroadcasti128_ymm_m128);

        AddBroadcast<uint, Doubleword>(table, Code.VEX_Vbroadcastss_xmm_m32, Code.VEX_Vbroadcastss_ymm_m32);
        AddBroadcast<uint, Doubleword>(table, Code.VEX_Vbroadcastss_xmm_xmm, Code.VEX_Vbroadcastss_ymm_xmm);
        AddNarrow<WideMoves.Broadcast<ulong>, Quadword>(table, Code.VEX_Vbroadcastsd_ymm_m64);
        AddNarrow<WideMoves.Broadcast<ulong>, Quadword>(table, Code.VEX_Vbroadcastsd_ymm_xmm);
        AddBroadcast<byte, Byte>(table, Code.VEX_Vpbroadcastb_xmm_xmmm8, Code.VEX_Vpbroadcastb_ymm_xmmm8);
        AddBroadcast<ushort, Word>(table, Code.VEX_Vpbroadcastw_xmm_xmmm16, Code.VEX_Vpbroadcastw_ymm_xmmm16);
        AddBroadcast<uint, Doubleword>(table, Code.VEX_Vpbroadcastd_xmm_xmmm32, Code.VEX_Vpbroadcastd_ymm_xmmm32);
        AddBroadcast<ulong, Quadword>(table, Code.VEX_Vpbroadcastq_xmm_xmmm64, Code.VEX_Vpbroadcastq_ymm_xmmm64);

        AddNarrow<WideMoves.Extend<Extensions.Pmovsxbw, WideMoves.Extend.Eight>, Whole>(table, Code.VEX_Vpmovsxbw_ymm_xmmm128);
        AddNarrow<WideMoves.Extend<Extensions.Pmovzxbw, WideMoves.Extend.Eight>, Whole>(table, Code.VEX_Vpmovzxbw_ymm_xmmm128);
        AddNarrow<WideMoves.Extend<Extensions.Pmovsxbd, WideMoves.Extend.Four>, Quadword>(table, Code.VEX_Vpmovsxbd_ymm_xmmm64);
        AddNarrow<WideMoves.Extend<Extensions.Pmovzxbd, WideMoves.Extend.Four>, Quadword>(table, Code.VEX_Vpmovzxbd_ymm_xmmm64);
        AddNarrow<WideMoves.Extend<Extensions.Pmovsxbq, WideMoves.Extend.Two>, Doubleword>(table, Code.VEX_Vpmovsxbq_ymm_xmmm32);
        AddNarrow<WideMoves.Extend<Extensions.Pmovzxbq, WideMoves.Extend.Two>, Doubleword>(table, Code.VEX_Vpmovzxbq_ymm_xmmm32);
        AddNarrow<WideMoves.Extend<Extensions.Pmovsxwd, WideMoves.Extend.Eight>, Whole>(table, Code.VEX_Vpmovsxwd_ymm_xmmm128);
        AddNarrow<WideMoves.Extend<Extensions.Pmovzxwd, WideMoves.Extend.Eight>, Whole>(table, Code.VEX_Vpmovzxwd_ymm_xmmm128);
        AddNarrow<WideMoves.Extend<Extensions.Pmovsxwq, WideMoves.Extend.Four>, Quadword>(table, Code.VEX_Vpmovsxwq_ymm_xmmm64);
        AddNarrow<WideMoves.Extend<Extensions.Pmovzxwq, WideMoves.Extend.Four>, Quadword>(table, Code.VEX_Vpmovzxwq_ymm_xmmm64);
        AddNarrow<WideMoves.Extend<Extensions.Pmovsxdq, WideMoves.Extend.Eight>, Whole>(table, Code.VEX_Vpmovsxdq_ymm_xmmm128);
        AddNarrow<WideMoves.Extend<Extensions.Pmovzxdq, WideMoves.Extend.Eight>, Whole>(table, Code.VEX_Vpmovzxdq_ymm_xmmm128);

        AddBlend<sbyte>(table, Code.VEX_Vpblendvb_xmm_xmm_xmmm128_xmm, Code.VEX_Vpblendvb_ymm_ymm_ymmm256_ymm);
        AddBlend<int>(table, Code.VEX_Vblendvps_xmm_xmm_xmmm128_xmm, Code.VEX_Vblendvps_ymm_ymm_ymmm256_ymm);
        AddBlend<long>(table, Code.VEX_Vblendvpd_xmm_xmm_xmmm128_xmm, Code.VEX_Vblendvpd_ymm_ymm_ymmm256_ymm);
        AddTest<VexBlendHandlers.AllBits>(table, Code.VEX_Vptest_xmm_xmmm128, Code.VEX_Vptest_ymm_ymmm256);
        AddTest<VexBlendHandlers.Singles>(table, Code.VEX_Vtestps_xmm_xmmm128, Code.VEX_Vtestps_ymm_ymmm256);
        AddTest<VexBlendHandlers.Doubles>(table, Code.VEX_Vtestpd_xmm_xmmm128, Code.VEX_Vtestpd_ymm_ymmm256);

        AddConversion<WideConversions.Widen<FloatConversions.Cvtps2pd>, WideHandlers.Narrow<Whole>>(table, Code.VEX_Vcvtps2pd_ymm_xmmm128);
        AddConversion<WideConversions.Widen<FloatConversions.Cvtdq2pd>, WideHandlers.Narrow<Whole>>(table, Code.VEX_Vcvtdq2pd_ymm_xmmm128);
        AddConversion<WideConversions.Narrow<FloatConversions.Cvtpd2ps>, WideHandlers.Any>(table, Code.VEX_Vcvtpd2ps_xmm_ymmm256);
        AddConversion<WideConversions.Narrow<FloatConversions.Cvtpd2dq>, WideHandlers.Any>(table, Code.VEX_Vcvtpd2dq_xmm_ymmm256);
        AddConversion<WideConversions.Narrow<FloatConversions.Cvttpd2dq>, WideHandlers.Any>(table, Code.VEX_Vcvttpd2dq_xmm_ymmm256);

        VectorTable.FloatPartial<WideConversions.HalfToSingle, Quadword>(table, Code.INVALID, Code.VEX_Vcvtph2ps_xmm_xmmm64);
        AddConversion<WideConversions.Widen<WideConversions.HalfToSingle>, WideHandlers.Narrow<Whole>>(table, Code.VEX_Vcvtph2ps_ymm_xmmm128);
        table.Add(Code.VEX_Vcvtps2ph_xmmm64_xmm_imm8, &HalfPrecisionHandlers.Narrow<No>, &HalfPrecisionHandlers.NarrowToMemory<No>);
        table.Add(Code.VEX_Vcvtps2ph_xmmm128_ymm_imm8, &HalfPrecisionHandlers.Narrow<Yes>, &HalfPrecisionHandlers.NarrowToMemory<Yes>);
    }

    private static void AddWide<T>(OpTable table, Code code)
        where T : struct, IWideOp => table.Add(code, &WideHandlers.Register<T>, &WideHandlers.Memory<T, WideHandlers.Any>);

    private static void AddNarrow<T, TOperand>(OpTable table, Code code)
        where T : struct, IWideOp
        where TOperand : struct, IVectorOperand => table.Add(code, &WideHandlers.Register<T>, &WideHandlers.Memory<T, WideHandlers.Narrow<TOperand>>);

    private static void AddBroadcast<T, TOperand>(OpTable table, Code vex128, Code vex256)
        where T : unmanaged
        where TOperand : struct, IVectorOperand
    {
        VectorTable.Partial<WideMoves.BroadcastNarrow<T>, TOperand>(table, Code.INVALID, vex128, Code.INVALID);
        AddNarrow<WideMoves.Broadcast<T>, TOperand>(table, vex256);
    }

    private static void AddBlend<T>(OpTable table, Code vex128, Code vex256)
        where T : unmanaged
    {
        table.Add(vex128, &VexBlendHandlers.Blend<T, No>, &VexBlendHandlers.BlendMemory<T, No>);
        table.Add(vex256, &VexBlendHandlers.Blend<T, Yes>, &VexBlendHandlers.BlendMemory<T, Yes>);
    }

    private static void AddTest<TBits>(OpTable table, Code vex128, Code vex256)
        where TBits : struct, VexBlendHandlers.IBits
    {
        table.Add(vex128, &VexBlendHandlers.Test<TBits, No>, &VexBlendHandlers.TestMemory<TBits, No>);
        table.Add(vex256, &VexBlendHandlers.Test<TBits, Yes>, &VexBlendHandlers.TestMemory<TBits, Yes>);
    }

    private static void AddConversion<T, TOperand>(OpTable table, Code code)
        where T : struct, IWideFloatOp
        where TOperand : struct, WideHandlers.IOperand => table.Add(code, &WideHandlers.FloatRegister<T>, &WideHandlers.FloatMemory<T, TOperand>);
}
