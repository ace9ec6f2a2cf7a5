using Iced.Intel;
using No = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.ScalarConversionHandlers.No;
using Yes = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.ScalarConversionHandlers.Yes;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Instructions that save and restore the state, and MXCSR's.</summary>
internal static unsafe class StateInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        table.Add(Code.Ldmxcsr_m32, null, &FxsaveHandlers.LoadMxcsr<GeneralHandlers.Sse>);
        table.Add(Code.Stmxcsr_m32, null, &FxsaveHandlers.StoreMxcsr<GeneralHandlers.Sse>);
        table.Add(Code.VEX_Vldmxcsr_m32, null, &FxsaveHandlers.LoadMxcsr<GeneralHandlers.Vex>);
        table.Add(Code.VEX_Vstmxcsr_m32, null, &FxsaveHandlers.StoreMxcsr<GeneralHandlers.Vex>);
        table.Add(Code.Fxsave_m512byte, null, &FxsaveHandlers.Save<No>);
        table.Add(Code.Fxsave64_m512byte, null, &FxsaveHandlers.Save<Yes>);
        table.Add(Code.Fxrstor_m512byte, null, &FxsaveHandlers.Restore<No>);
        table.Add(Code.Fxrstor64_m512byte, null, &FxsaveHandlers.Restore<Yes>);
        table.Add(Code.Xsave_mem, null, &XsaveHandlers.Save<No, No>);
        table.Add(Code.Xsave64_mem, null, &XsaveHandlers.Save<Yes, No>);
        table.Add(Code.Xsaveopt_mem, null, &XsaveHandlers.Save<No, Yes>);
        table.Add(Code.Xsaveopt64_mem, null, &XsaveHandlers.Save<Yes, Yes>);
        table.Add(Code.Xsavec_mem, null, &XsaveHandlers.SaveCompacted<No>);
        table.Add(Code.Xsavec64_mem, null, &XsaveHandlers.SaveCompacted<Yes>);
        table.Add(Code.Xrstor_mem, null, &XsaveHandlers.Restore<No>);
        table.Add(Code.Xrstor64_mem, null, &XsaveHandlers.Restore<Yes>);
    }
}
