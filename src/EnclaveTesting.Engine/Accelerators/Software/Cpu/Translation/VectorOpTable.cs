using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>The SSE instructions that are translated: moves, the integer and logic operations that programs use, scalar and packed arithmetic.</summary>
internal static class VectorOpTable
{
    private static readonly Dictionary<Code, VectorOp> Table = Create();

    /// <summary>The translation of an instruction in a mode; with an empty kind the handler does it.</summary>
    public static VectorOp Find(Code code, CpuMode mode)
    {
        const CpuMode refused = CpuMode.TaskSwitched | CpuMode.Emulation | CpuMode.NoSse;
        return (mode & refused) == 0 && Table.TryGetValue(code, out VectorOp op) ? op : default;
    }

    private static Dictionary<Code, VectorOp> Create()
    {
        var table = new Dictionary<Code, VectorOp>();
        AddMoves(table);
        AddLogic(table);
        AddSums(table);
        AddShuffles(table);
        AddShifts(table);
        AddArithmetic(table);
        AddConversions(table);
        return table;
    }

    private static void AddMoves(Dictionary<Code, VectorOp> table)
    {
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movups_xmm_xmmm128, Code.Movupd_xmm_xmmm128, Code.Movdqu_xmm_xmmm128, Code.Lddqu_xmm_m128])
            table[code] = new VectorOp(VectorKind.Compute, typeof(VectorMoves.Whole));
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movaps_xmm_xmmm128, Code.Movapd_xmm_xmmm128, Code.Movdqa_xmm_xmmm128])
            table[code] = new VectorOp(VectorKind.Compute, typeof(VectorMoves.Whole), Aligned: true);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movups_xmmm128_xmm, Code.Movupd_xmmm128_xmm, Code.Movdqu_xmmm128_xmm])
            table[code] = new VectorOp(VectorKind.Store, typeof(VectorMoves.Whole));
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movaps_xmmm128_xmm, Code.Movapd_xmmm128_xmm, Code.Movdqa_xmmm128_xmm, Code.Movntps_m128_xmm, Code.Movntpd_m128_xmm, Code.Movntdq_m128_xmm])
            table[code] = new VectorOp(VectorKind.Store, typeof(VectorMoves.Whole), Aligned: true);
        table[Code.Movss_xmmm32_xmm] = new VectorOp(VectorKind.Store, typeof(VectorMoves.Single), 4);
        table[Code.Movsd_xmmm64_xmm] = new VectorOp(VectorKind.Store, typeof(VectorMoves.Lower), 8);
        table[Code.Movq_xmmm64_xmm] = new VectorOp(VectorKind.Store, typeof(VectorMoves.LowerAlone), 8);
        table[Code.Movlps_m64_xmm] = table[Code.Movlpd_m64_xmm] = new VectorOp(VectorKind.Store, typeof(VectorMoves.Lower), 8);

        // From memory these two clear what is above.
        table[Code.Movss_xmm_xmmm32] = new VectorOp(VectorKind.Compute, typeof(VectorMoves.Single), 4, FromMemory: typeof(VectorMoves.Whole));
        table[Code.Movsd_xmm_xmmm64] = new VectorOp(VectorKind.Compute, typeof(VectorMoves.Lower), 8, FromMemory: typeof(VectorMoves.Whole));
        table[Code.Movq_xmm_xmmm64] = new VectorOp(VectorKind.Compute, typeof(VectorMoves.LowerAlone), 8);
        table[Code.Movlps_xmm_m64] = table[Code.Movlpd_xmm_m64] = new VectorOp(VectorKind.Compute, typeof(VectorMoves.Lower), 8);
        table[Code.Movhps_xmm_m64] = table[Code.Movhpd_xmm_m64] = table[Code.Movlhps_xmm_xmm] = new VectorOp(VectorKind.Compute, typeof(VectorMoves.LowerToUpper), 8);
        table[Code.Movhlps_xmm_xmm] = new VectorOp(VectorKind.Compute, typeof(VectorMoves.UpperToLower));
        table[Code.Movd_xmm_rm32] = new VectorOp(VectorKind.MoveIn, Size: 4);
        table[Code.Movq_xmm_rm64] = new VectorOp(VectorKind.MoveIn, Size: 8);
        table[Code.Movd_rm32_xmm] = new VectorOp(VectorKind.MoveOut, Size: 4);
        table[Code.Movq_rm64_xmm] = new VectorOp(VectorKind.MoveOut, Size: 8);
        table[Code.Pmovmskb_r32_xmm] = new VectorOp(VectorKind.SignBits);
    }

    private static void AddLogic(Dictionary<Code, VectorOp> table)
    {
        Add<IntegerLogic.Pxor>(table, Code.Pxor_xmm_xmmm128, Code.Xorps_xmm_xmmm128, Code.Xorpd_xmm_xmmm128);
        Add<IntegerLogic.Pand>(table, Code.Pand_xmm_xmmm128, Code.Andps_xmm_xmmm128, Code.Andpd_xmm_xmmm128);
        Add<IntegerLogic.Pandn>(table, Code.Pandn_xmm_xmmm128, Code.Andnps_xmm_xmmm128, Code.Andnpd_xmm_xmmm128);
        Add<IntegerLogic.Por>(table, Code.Por_xmm_xmmm128, Code.Orps_xmm_xmmm128, Code.Orpd_xmm_xmmm128);
        Add<IntegerLogic.Pcmpeqb>(table, Code.Pcmpeqb_xmm_xmmm128);
        Add<IntegerLogic.Pcmpeqw>(table, Code.Pcmpeqw_xmm_xmmm128);
        Add<IntegerLogic.Pcmpeqd>(table, Code.Pcmpeqd_xmm_xmmm128);
        Add<IntegerLogic.Pcmpgtb>(table, Code.Pcmpgtb_xmm_xmmm128);
        Add<IntegerLogic.Pcmpgtw>(table, Code.Pcmpgtw_xmm_xmmm128);
        Add<IntegerLogic.Pcmpgtd>(table, Code.Pcmpgtd_xmm_xmmm128);
    }

    private static void AddSums(Dictionary<Code, VectorOp> table)
    {
        Add<IntegerSums.Paddb>(table, Code.Paddb_xmm_xmmm128);
        Add<IntegerSums.Paddw>(table, Code.Paddw_xmm_xmmm128);
        Add<IntegerSums.Paddd>(table, Code.Paddd_xmm_xmmm128);
        Add<IntegerSums.Paddq>(table, Code.Paddq_xmm_xmmm128);
        Add<IntegerSums.Psubb>(table, Code.Psubb_xmm_xmmm128);
        Add<IntegerSums.Psubw>(table, Code.Psubw_xmm_xmmm128);
        Add<IntegerSums.Psubd>(table, Code.Psubd_xmm_xmmm128);
        Add<IntegerSums.Psubq>(table, Code.Psubq_xmm_xmmm128);
        Add<IntegerSums.Paddusb>(table, Code.Paddusb_xmm_xmmm128);
        Add<IntegerSums.Psubusb>(table, Code.Psubusb_xmm_xmmm128);
        Add<IntegerSums.Paddusw>(table, Code.Paddusw_xmm_xmmm128);
        Add<IntegerSums.Psubusw>(table, Code.Psubusw_xmm_xmmm128);
        Add<IntegerSums.Paddsw>(table, Code.Paddsw_xmm_xmmm128);
        Add<IntegerSums.Psubsw>(table, Code.Psubsw_xmm_xmmm128);
        Add<IntegerSums.Pavgb>(table, Code.Pavgb_xmm_xmmm128);
        Add<IntegerSums.Pminub>(table, Code.Pminub_xmm_xmmm128);
        Add<IntegerSums.Pmaxub>(table, Code.Pmaxub_xmm_xmmm128);
        Add<IntegerSums.Pminsw>(table, Code.Pminsw_xmm_xmmm128);
        Add<IntegerSums.Pmaxsw>(table, Code.Pmaxsw_xmm_xmmm128);
        Add<IntegerProducts.Pmullw>(table, Code.Pmullw_xmm_xmmm128);
        Add<IntegerProducts.Pmulhw>(table, Code.Pmulhw_xmm_xmmm128);
        Add<IntegerProducts.Pmulhuw>(table, Code.Pmulhuw_xmm_xmmm128);
        Add<IntegerProducts.Pmulld>(table, Code.Pmulld_xmm_xmmm128);
        Add<IntegerProducts.Pmuludq>(table, Code.Pmuludq_xmm_xmmm128);
        Add<IntegerProducts.Pmaddwd>(table, Code.Pmaddwd_xmm_xmmm128);
        Add<IntegerProducts.Psadbw>(table, Code.Psadbw_xmm_xmmm128);
    }

    private static void AddShuffles(Dictionary<Code, VectorOp> table)
    {
        Add<Shuffles.Punpcklbw>(table, Code.Punpcklbw_xmm_xmmm128);
        Add<Shuffles.Punpcklwd>(table, Code.Punpcklwd_xmm_xmmm128);
        Add<Shuffles.Punpckldq>(table, Code.Punpckldq_xmm_xmmm128, Code.Unpcklps_xmm_xmmm128);
        Add<Shuffles.Punpckhbw>(table, Code.Punpckhbw_xmm_xmmm128);
        Add<Shuffles.Punpckhwd>(table, Code.Punpckhwd_xmm_xmmm128);
        Add<Shuffles.Punpckhdq>(table, Code.Punpckhdq_xmm_xmmm128, Code.Unpckhps_xmm_xmmm128);
        Add<Shuffles.Punpcklqdq>(table, Code.Punpcklqdq_xmm_xmmm128, Code.Unpcklpd_xmm_xmmm128);
        Add<Shuffles.Punpckhqdq>(table, Code.Punpckhqdq_xmm_xmmm128, Code.Unpckhpd_xmm_xmmm128);
        Add<Shuffles.Packuswb>(table, Code.Packuswb_xmm_xmmm128);
        Add<Shuffles.Packsswb>(table, Code.Packsswb_xmm_xmmm128);
        Add<Shuffles.Packssdw>(table, Code.Packssdw_xmm_xmmm128);
        Add<Shuffles.Pshufb>(table, Code.Pshufb_xmm_xmmm128);
        Add<Shuffles.Pshufd>(table, Code.Pshufd_xmm_xmmm128_imm8);
        Add<Shuffles.Pshuflw>(table, Code.Pshuflw_xmm_xmmm128_imm8);
        Add<Shuffles.Pshufhw>(table, Code.Pshufhw_xmm_xmmm128_imm8);
        Add<Shuffles.Shufps>(table, Code.Shufps_xmm_xmmm128_imm8);
        Add<Shuffles.Shufpd>(table, Code.Shufpd_xmm_xmmm128_imm8);
        Add<Shuffles.Palignr>(table, Code.Palignr_xmm_xmmm128_imm8);
    }

    private static void AddShifts(Dictionary<Code, VectorOp> table)
    {
        Add<IntegerLogic.Psllw>(table, Code.Psllw_xmm_xmmm128);
        Add<IntegerLogic.Pslld>(table, Code.Pslld_xmm_xmmm128);
        Add<IntegerLogic.Psllq>(table, Code.Psllq_xmm_xmmm128);
        Add<IntegerLogic.Psrlw>(table, Code.Psrlw_xmm_xmmm128);
        Add<IntegerLogic.Psrld>(table, Code.Psrld_xmm_xmmm128);
        Add<IntegerLogic.Psrlq>(table, Code.Psrlq_xmm_xmmm128);
        Add<IntegerLogic.Psraw>(table, Code.Psraw_xmm_xmmm128);
        Add<IntegerLogic.Psrad>(table, Code.Psrad_xmm_xmmm128);
        table[Code.Psllw_xmm_imm8] = new VectorOp(VectorKind.ShiftImmediate, typeof(IntegerLogic.PsllwImm));
        table[Code.Pslld_xmm_imm8] = new VectorOp(VectorKind.ShiftImmediate, typeof(IntegerLogic.PslldImm));
        table[Code.Psllq_xmm_imm8] = new VectorOp(VectorKind.ShiftImmediate, typeof(IntegerLogic.PsllqImm));
        table[Code.Psrlw_xmm_imm8] = new VectorOp(VectorKind.ShiftImmediate, typeof(IntegerLogic.PsrlwImm));
        table[Code.Psrld_xmm_imm8] = new VectorOp(VectorKind.ShiftImmediate, typeof(IntegerLogic.PsrldImm));
        table[Code.Psrlq_xmm_imm8] = new VectorOp(VectorKind.ShiftImmediate, typeof(IntegerLogic.PsrlqImm));
        table[Code.Psraw_xmm_imm8] = new VectorOp(VectorKind.ShiftImmediate, typeof(IntegerLogic.PsrawImm));
        table[Code.Psrad_xmm_imm8] = new VectorOp(VectorKind.ShiftImmediate, typeof(IntegerLogic.PsradImm));
        table[Code.Pslldq_xmm_imm8] = new VectorOp(VectorKind.ShiftImmediate, typeof(IntegerLogic.Pslldq));
        table[Code.Psrldq_xmm_imm8] = new VectorOp(VectorKind.ShiftImmediate, typeof(IntegerLogic.Psrldq));
    }

    private static void AddArithmetic(Dictionary<Code, VectorOp> table)
    {
        AddShapes<Arithmetic.Add>(table, Code.Addsd_xmm_xmmm64, Code.Addss_xmm_xmmm32, Code.Addpd_xmm_xmmm128, Code.Addps_xmm_xmmm128);
        AddShapes<Arithmetic.Subtract>(table, Code.Subsd_xmm_xmmm64, Code.Subss_xmm_xmmm32, Code.Subpd_xmm_xmmm128, Code.Subps_xmm_xmmm128);
        AddShapes<Arithmetic.Multiply>(table, Code.Mulsd_xmm_xmmm64, Code.Mulss_xmm_xmmm32, Code.Mulpd_xmm_xmmm128, Code.Mulps_xmm_xmmm128);
        AddShapes<Arithmetic.Divide>(table, Code.Divsd_xmm_xmmm64, Code.Divss_xmm_xmmm32, Code.Divpd_xmm_xmmm128, Code.Divps_xmm_xmmm128);
        AddShapes<Arithmetic.SquareRoot>(table, Code.Sqrtsd_xmm_xmmm64, Code.Sqrtss_xmm_xmmm32, Code.Sqrtpd_xmm_xmmm128, Code.Sqrtps_xmm_xmmm128);
        table[Code.Minsd_xmm_xmmm64] = new VectorOp(VectorKind.Float, Size: 8, Method: nameof(TranslatedFloat.TryMinimumDouble));
        table[Code.Maxsd_xmm_xmmm64] = new VectorOp(VectorKind.Float, Size: 8, Method: nameof(TranslatedFloat.TryMaximumDouble));
        table[Code.Minss_xmm_xmmm32] = new VectorOp(VectorKind.Float, Size: 4, Method: nameof(TranslatedFloat.TryMinimumSingle));
        table[Code.Maxss_xmm_xmmm32] = new VectorOp(VectorKind.Float, Size: 4, Method: nameof(TranslatedFloat.TryMaximumSingle));
    }

    private static void AddConversions(Dictionary<Code, VectorOp> table)
    {
        table[Code.Comisd_xmm_xmmm64] = table[Code.Ucomisd_xmm_xmmm64] = new VectorOp(VectorKind.Compare, Size: 8, Method: nameof(TranslatedFloat.TryCompareDouble));
        table[Code.Comiss_xmm_xmmm32] = table[Code.Ucomiss_xmm_xmmm32] = new VectorOp(VectorKind.Compare, Size: 4, Method: nameof(TranslatedFloat.TryCompareSingle));
        table[Code.Cvtss2sd_xmm_xmmm32] = new VectorOp(VectorKind.Float, Size: 4, Method: nameof(TranslatedFloat.TryToDouble));
        table[Code.Cvtsd2ss_xmm_xmmm64] = new VectorOp(VectorKind.Float, Size: 8, Method: nameof(TranslatedFloat.TryToSingle));
        foreach ((Code code, int size) in (ReadOnlySpan<(Code, int)>)[(Code.Cvtsi2sd_xmm_rm32, 4), (Code.Cvtsi2sd_xmm_rm64, 8)])
            table[code] = new VectorOp(VectorKind.FromInteger, Size: 8, Method: nameof(TranslatedFloat.TryIntegerToDouble), IntegerSize: size);
        foreach ((Code code, int size) in (ReadOnlySpan<(Code, int)>)[(Code.Cvtsi2ss_xmm_rm32, 4), (Code.Cvtsi2ss_xmm_rm64, 8)])
            table[code] = new VectorOp(VectorKind.FromInteger, Size: 4, Method: nameof(TranslatedFloat.TryIntegerToSingle), IntegerSize: size);
        table[Code.Cvttsd2si_r32_xmmm64] = new VectorOp(VectorKind.ToInteger, Size: 8, Method: nameof(TranslatedFloat.TryDoubleToInt32), IntegerSize: 4);
        table[Code.Cvttsd2si_r64_xmmm64] = new VectorOp(VectorKind.ToInteger, Size: 8, Method: nameof(TranslatedFloat.TryDoubleToInt64), IntegerSize: 8);
        table[Code.Cvttss2si_r32_xmmm32] = new VectorOp(VectorKind.ToInteger, Size: 4, Method: nameof(TranslatedFloat.TrySingleToInt32), IntegerSize: 4);
        table[Code.Cvttss2si_r64_xmmm32] = new VectorOp(VectorKind.ToInteger, Size: 4, Method: nameof(TranslatedFloat.TrySingleToInt64), IntegerSize: 8);
    }

    private static void Add<T>(Dictionary<Code, VectorOp> table, params ReadOnlySpan<Code> codes)
        where T : struct, IVectorOp
    {
        foreach (Code code in codes)
            table[code] = new VectorOp(VectorKind.Compute, typeof(T), Aligned: true);
    }

    private static void AddShapes<T>(Dictionary<Code, VectorOp> table, Code scalarDouble, Code scalarSingle, Code packedDouble, Code packedSingle)
        where T : struct, IArithmetic
    {
        table[scalarDouble] = new VectorOp(VectorKind.Float, typeof(T), 8, Method: nameof(TranslatedFloat.TryScalarDouble));
        table[scalarSingle] = new VectorOp(VectorKind.Float, typeof(T), 4, Method: nameof(TranslatedFloat.TryScalarSingle));
        table[packedDouble] = new VectorOp(VectorKind.Float, typeof(T), Aligned: true, Method: nameof(TranslatedFloat.TryPackedDouble));
        table[packedSingle] = new VectorOp(VectorKind.Float, typeof(T), Aligned: true, Method: nameof(TranslatedFloat.TryPackedSingle));
    }
}
