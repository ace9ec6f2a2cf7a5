using Iced.Intel;
using Sse = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.GeneralHandlers.Sse;
using Vex = EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd.GeneralHandlers.Vex;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;

/// <summary>Instructions between general and vector registers: moves, insertion, extraction, sign bits.</summary>
internal static unsafe class GeneralInstructions
{
    /// <summary>Adds them to the table.</summary>
    public static void Register(OpTable table)
    {
        table.Add(Code.Movd_xmm_rm32, &GeneralHandlers.MoveIn<Sse, uint>, &GeneralHandlers.MoveInMemory<Sse, uint>);
        table.Add(Code.Movq_xmm_rm64, &GeneralHandlers.MoveIn<Sse, ulong>, &GeneralHandlers.MoveInMemory<Sse, ulong>);
        table.Add(Code.VEX_Vmovd_xmm_rm32, &GeneralHandlers.MoveIn<Vex, uint>, &GeneralHandlers.MoveInMemory<Vex, uint>);
        table.Add(Code.VEX_Vmovq_xmm_rm64, &GeneralHandlers.MoveIn<Vex, ulong>, &GeneralHandlers.MoveInMemory<Vex, ulong>);

        Extract<byte>(table, Code.Pextrb_r32m8_xmm_imm8, Code.Pextrb_r64m8_xmm_imm8, Code.VEX_Vpextrb_r32m8_xmm_imm8, Code.VEX_Vpextrb_r64m8_xmm_imm8);
        Extract<ushort>(table, Code.Pextrw_r32m16_xmm_imm8, Code.Pextrw_r64m16_xmm_imm8, Code.VEX_Vpextrw_r32m16_xmm_imm8, Code.VEX_Vpextrw_r64m16_xmm_imm8);
        Extract<uint>(table, Code.Extractps_rm32_xmm_imm8, Code.Extractps_r64m32_xmm_imm8, Code.VEX_Vextractps_rm32_xmm_imm8, Code.VEX_Vextractps_r64m32_xmm_imm8);
        Extract<uint>(table, Code.Pextrd_rm32_xmm_imm8, Code.Movd_rm32_xmm, Code.VEX_Vpextrd_rm32_xmm_imm8, Code.VEX_Vmovd_rm32_xmm);
        Extract<ulong>(table, Code.Pextrq_rm64_xmm_imm8, Code.Movq_rm64_xmm, Code.VEX_Vpextrq_rm64_xmm_imm8, Code.VEX_Vmovq_rm64_xmm);
        table.Add(Code.Pextrw_r32_xmm_imm8, &GeneralHandlers.ExtractToReg<Sse>, null);
        table.Add(Code.Pextrw_r64_xmm_imm8, &GeneralHandlers.ExtractToReg<Sse>, null);
        table.Add(Code.VEX_Vpextrw_r32_xmm_imm8, &GeneralHandlers.ExtractToReg<Vex>, null);
        table.Add(Code.VEX_Vpextrw_r64_xmm_imm8, &GeneralHandlers.ExtractToReg<Vex>, null);

        Insert<byte>(table, Code.Pinsrb_xmm_r32m8_imm8, Code.Pinsrb_xmm_r64m8_imm8, Code.VEX_Vpinsrb_xmm_xmm_r32m8_imm8, Code.VEX_Vpinsrb_xmm_xmm_r64m8_imm8);
        Insert<ushort>(table, Code.Pinsrw_xmm_r32m16_imm8, Code.Pinsrw_xmm_r64m16_imm8, Code.VEX_Vpinsrw_xmm_xmm_r32m16_imm8, Code.VEX_Vpinsrw_xmm_xmm_r64m16_imm8);
        Insert<uint>(table, Code.Pinsrd_xmm_rm32_imm8, Code.INVALID, Code.VEX_Vpinsrd_xmm_xmm_rm32_imm8, Code.INVALID);
        Insert<ulong>(table, Code.Pinsrq_xmm_rm64_imm8, Code.INVALID, Code.VEX_Vpinsrq_xmm_xmm_rm64_imm8, Code.INVALID);

        SignBits<float>(table, Code.Movmskps_r32_xmm, Code.Movmskps_r64_xmm, Code.VEX_Vmovmskps_r32_xmm, Code.VEX_Vmovmskps_r64_xmm);
        SignBits<double>(table, Code.Movmskpd_r32_xmm, Code.Movmskpd_r64_xmm, Code.VEX_Vmovmskpd_r32_xmm, Code.VEX_Vmovmskpd_r64_xmm);
        SignBits<byte>(table, Code.Pmovmskb_r32_xmm, Code.Pmovmskb_r64_xmm, Code.VEX_Vpmovmskb_r32_xmm, Code.VEX_Vpmovmskb_r64_xmm);
    }

    private static void Extract<T>(OpTable table, Code sse, Code sseOther, Code vex, Code vexOther)
        where T : unmanaged
    {
        table.Add(sse, &GeneralHandlers.Extract<Sse, T>, &GeneralHandlers.ExtractToMemory<Sse, T>);
        table.Add(sseOther, &GeneralHandlers.Extract<Sse, T>, &GeneralHandlers.ExtractToMemory<Sse, T>);
        table.Add(vex, &GeneralHandlers.Extract<Vex, T>, &GeneralHandlers.ExtractToMemory<Vex, T>);
        table.Add(vexOther, &GeneralHandlers.Extract<Vex, T>, &GeneralHandlers.ExtractToMemory<Vex, T>);
    }

    private static void Insert<T>(OpTable table, Code sse, Code sseOther, Code vex, Code vexOther)
        where T : unmanaged
    {
        table.Add(sse, &GeneralHandlers.Insert<Sse, T>, &GeneralHandlers.InsertFromMemory<Sse, T>);
        table.Add(vex, &GeneralHandlers.Insert<Vex, T>, &GeneralHandlers.InsertFromMemory<Vex, T>);
        if (sseOther != Code.INVALID)
            table.Add(sseOther, &GeneralHandlers.Insert<Sse, T>, &GeneralHandlers.InsertFromMemory<Sse, T>);
        if (vexOther != Code.INVALID)
            table.Add(vexOther, &GeneralHandlers.Insert<Vex, T>, &GeneralHandlers.InsertFromMemory<Vex, T>);
    }

    private static void SignBits<T>(OpTable table, Code sse, Code sseOther, Code vex, Code vexOther)
        where T : unmanaged
    {
        table.Add(sse, &GeneralHandlers.SignBits<Sse, T>, null);
        table.Add(sseOther, &GeneralHandlers.SignBits<Sse, T>, null);
        table.Add(vex, &GeneralHandlers.SignBits<Vex, T>, null);
        table.Add(vexOther, &GeneralHandlers.SignBits<Vex, T>, null);
    }
}
