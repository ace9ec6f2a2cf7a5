using System.Runtime.Intrinsics;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;

/// <summary>Moves of 16 bytes, and what the host's vectors do the same way: logic, sums, differences and comparisons of integers.</summary>
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
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movups_xmm_xmmm128, Code.Movupd_xmm_xmmm128, Code.Movdqu_xmm_xmmm128])
            table[code] = new VectorOp(VectorKind.Load);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movaps_xmm_xmmm128, Code.Movapd_xmm_xmmm128, Code.Movdqa_xmm_xmmm128])
            table[code] = new VectorOp(VectorKind.Load, Aligned: true);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movups_xmmm128_xmm, Code.Movupd_xmmm128_xmm, Code.Movdqu_xmmm128_xmm])
            table[code] = new VectorOp(VectorKind.Store);
        foreach (Code code in (ReadOnlySpan<Code>)[Code.Movaps_xmmm128_xmm, Code.Movapd_xmmm128_xmm, Code.Movdqa_xmmm128_xmm])
            table[code] = new VectorOp(VectorKind.Store, Aligned: true);
        AddAll<byte>(table, nameof(Vector128.Xor), Code.Pxor_xmm_xmmm128, Code.Xorps_xmm_xmmm128, Code.Xorpd_xmm_xmmm128);
        AddAll<byte>(table, nameof(Vector128.BitwiseAnd), Code.Pand_xmm_xmmm128, Code.Andps_xmm_xmmm128, Code.Andpd_xmm_xmmm128);
        AddAll<byte>(table, nameof(Vector128.BitwiseOr), Code.Por_xmm_xmmm128, Code.Orps_xmm_xmmm128, Code.Orpd_xmm_xmmm128);
        AddAll<byte>(table, nameof(Vector128.Add), Code.Paddb_xmm_xmmm128);
        AddAll<ushort>(table, nameof(Vector128.Add), Code.Paddw_xmm_xmmm128);
        AddAll<uint>(table, nameof(Vector128.Add), Code.Paddd_xmm_xmmm128);
        AddAll<ulong>(table, nameof(Vector128.Add), Code.Paddq_xmm_xmmm128);
        AddAll<byte>(table, nameof(Vector128.Subtract), Code.Psubb_xmm_xmmm128);
        AddAll<ushort>(table, nameof(Vector128.Subtract), Code.Psubw_xmm_xmmm128);
        AddAll<uint>(table, nameof(Vector128.Subtract), Code.Psubd_xmm_xmmm128);
        AddAll<ulong>(table, nameof(Vector128.Subtract), Code.Psubq_xmm_xmmm128);
        AddAll<byte>(table, nameof(Vector128.Equals), Code.Pcmpeqb_xmm_xmmm128);
        AddAll<ushort>(table, nameof(Vector128.Equals), Code.Pcmpeqw_xmm_xmmm128);
        AddAll<uint>(table, nameof(Vector128.Equals), Code.Pcmpeqd_xmm_xmmm128);
        AddAll<byte>(table, nameof(Vector128.Min), Code.Pminub_xmm_xmmm128);
        AddAll<byte>(table, nameof(Vector128.Max), Code.Pmaxub_xmm_xmmm128);
        AddAll<ushort>(table, nameof(Vector128.Multiply), Code.Pmullw_xmm_xmmm128);
        return table;
    }

    private static void AddAll<T>(Dictionary<Code, VectorOp> table, string method, params ReadOnlySpan<Code> codes)
    {
        foreach (Code code in codes)
            table[code] = new VectorOp(VectorKind.Compute, method, typeof(T), Aligned: true);
    }
}
