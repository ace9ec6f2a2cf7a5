using Iced.Intel;
using No = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.ScalarConversionHandlers.No;
using Sse = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.GeneralHandlers.Sse;
using Vex = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.GeneralHandlers.Vex;
using Yes = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.ScalarConversionHandlers.Yes;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Blends by XMM0, PTEST, and the string comparisons of SSE4.2 and AVX.</summary>
internal static unsafe class Sse4Instructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        table.Add(Code.Pblendvb_xmm_xmmm128, &BlendHandlers.Register<sbyte>, &BlendHandlers.Memory<sbyte>);
        table.Add(Code.Blendvps_xmm_xmmm128, &BlendHandlers.Register<int>, &BlendHandlers.Memory<int>);
        table.Add(Code.Blendvpd_xmm_xmmm128, &BlendHandlers.Register<long>, &BlendHandlers.Memory<long>);
        table.Add(Code.Ptest_xmm_xmmm128, &BlendHandlers.TestRegister, &BlendHandlers.TestMemory);

        Strings<No, No, No>(table, Code.Pcmpistri_xmm_xmmm128_imm8, Code.VEX_Vpcmpistri_xmm_xmmm128_imm8);
        Strings<No, No, Yes>(table, Code.Pcmpistrm_xmm_xmmm128_imm8, Code.VEX_Vpcmpistrm_xmm_xmmm128_imm8);
        Strings<Yes, No, No>(table, Code.Pcmpestri_xmm_xmmm128_imm8, Code.VEX_Vpcmpestri_xmm_xmmm128_imm8);
        Strings<Yes, No, Yes>(table, Code.Pcmpestrm_xmm_xmmm128_imm8, Code.VEX_Vpcmpestrm_xmm_xmmm128_imm8);
        Strings<Yes, Yes, No>(table, Code.Pcmpestri64_xmm_xmmm128_imm8, Code.VEX_Vpcmpestri64_xmm_xmmm128_imm8);
        Strings<Yes, Yes, Yes>(table, Code.Pcmpestrm64_xmm_xmmm128_imm8, Code.VEX_Vpcmpestrm64_xmm_xmmm128_imm8);
    }

    private static void Strings<TExplicit, TWide, TMask>(OpTable table, Code sse, Code vex)
        where TExplicit : struct, ScalarConversionHandlers.IChoice
        where TWide : struct, ScalarConversionHandlers.IChoice
        where TMask : struct, ScalarConversionHandlers.IChoice
    {
        table.Add(sse, &StringHandlers.Register<Sse, TExplicit, TWide, TMask>, &StringHandlers.Memory<Sse, TExplicit, TWide, TMask>);
        table.Add(vex, &StringHandlers.Register<Vex, TExplicit, TWide, TMask>, &StringHandlers.Memory<Vex, TExplicit, TWide, TMask>);
    }
}
