using Iced.Intel;
using No = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.ScalarConversionHandlers.No;
using Sse = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.GeneralHandlers.Sse;
using Vex = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.GeneralHandlers.Vex;
using Yes = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.ScalarConversionHandlers.Yes;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Conversions between general registers and scalars, and comparisons into RFLAGS.</summary>
internal static unsafe class ScalarConversionInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        FromInteger<uint, No>(table, Code.Cvtsi2ss_xmm_rm32, Code.VEX_Vcvtsi2ss_xmm_xmm_rm32);
        FromInteger<ulong, No>(table, Code.Cvtsi2ss_xmm_rm64, Code.VEX_Vcvtsi2ss_xmm_xmm_rm64);
        FromInteger<uint, Yes>(table, Code.Cvtsi2sd_xmm_rm32, Code.VEX_Vcvtsi2sd_xmm_xmm_rm32);
        FromInteger<ulong, Yes>(table, Code.Cvtsi2sd_xmm_rm64, Code.VEX_Vcvtsi2sd_xmm_xmm_rm64);
        ToInteger<uint, int, No>(table, Code.Cvtss2si_r32_xmmm32, Code.VEX_Vcvtss2si_r32_xmmm32);
        ToInteger<uint, long, No>(table, Code.Cvtss2si_r64_xmmm32, Code.VEX_Vcvtss2si_r64_xmmm32);
        ToInteger<ulong, int, No>(table, Code.Cvtsd2si_r32_xmmm64, Code.VEX_Vcvtsd2si_r32_xmmm64);
        ToInteger<ulong, long, No>(table, Code.Cvtsd2si_r64_xmmm64, Code.VEX_Vcvtsd2si_r64_xmmm64);
        ToInteger<uint, int, Yes>(table, Code.Cvttss2si_r32_xmmm32, Code.VEX_Vcvttss2si_r32_xmmm32);
        ToInteger<uint, long, Yes>(table, Code.Cvttss2si_r64_xmmm32, Code.VEX_Vcvttss2si_r64_xmmm32);
        ToInteger<ulong, int, Yes>(table, Code.Cvttsd2si_r32_xmmm64, Code.VEX_Vcvttsd2si_r32_xmmm64);
        ToInteger<ulong, long, Yes>(table, Code.Cvttsd2si_r64_xmmm64, Code.VEX_Vcvttsd2si_r64_xmmm64);
        Compare<uint, Yes>(table, Code.Comiss_xmm_xmmm32, Code.VEX_Vcomiss_xmm_xmmm32);
        Compare<ulong, Yes>(table, Code.Comisd_xmm_xmmm64, Code.VEX_Vcomisd_xmm_xmmm64);
        Compare<uint, No>(table, Code.Ucomiss_xmm_xmmm32, Code.VEX_Vucomiss_xmm_xmmm32);
        Compare<ulong, No>(table, Code.Ucomisd_xmm_xmmm64, Code.VEX_Vucomisd_xmm_xmmm64);
    }

    private static void FromInteger<T, TDouble>(OpTable table, Code sse, Code vex)
        where T : unmanaged
        where TDouble : struct, ScalarConversionHandlers.IChoice
    {
        table.Add(sse, &ScalarConversionHandlers.FromInteger<Sse, T, TDouble>, &ScalarConversionHandlers.FromIntegerMemory<Sse, T, TDouble>);
        table.Add(vex, &ScalarConversionHandlers.FromInteger<Vex, T, TDouble>, &ScalarConversionHandlers.FromIntegerMemory<Vex, T, TDouble>);
    }

    private static void ToInteger<TFloat, TInteger, TTruncate>(OpTable table, Code sse, Code vex)
        where TFloat : unmanaged
        where TInteger : unmanaged
        where TTruncate : struct, ScalarConversionHandlers.IChoice
    {
        table.Add(
            sse,
            &ScalarConversionHandlers.ToInteger<Sse, TFloat, TInteger, TTruncate>,
            &ScalarConversionHandlers.ToIntegerMemory<Sse, TFloat, TInteger, TTruncate>);
        table.Add(
            vex,
            &ScalarConversionHandlers.ToInteger<Vex, TFloat, TInteger, TTruncate>,
            &ScalarConversionHandlers.ToIntegerMemory<Vex, TFloat, TInteger, TTruncate>);
    }

    private static void Compare<T, TSignalQuiet>(OpTable table, Code sse, Code vex)
        where T : unmanaged
        where TSignalQuiet : struct, ScalarConversionHandlers.IChoice
    {
        table.Add(sse, &ScalarConversionHandlers.Compare<Sse, T, TSignalQuiet>, &ScalarConversionHandlers.CompareMemory<Sse, T, TSignalQuiet>);
        table.Add(vex, &ScalarConversionHandlers.Compare<Vex, T, TSignalQuiet>, &ScalarConversionHandlers.CompareMemory<Vex, T, TSignalQuiet>);
    }
}
