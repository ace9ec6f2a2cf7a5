using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>The instructions of the software CPU's table that a program may execute in 64-bit mode, and that this host has.</summary>
internal static class InstructionCatalog
{
    private static readonly HashSet<CpuidFeature> Always =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386, CpuidFeature.INTEL486, CpuidFeature.X64,
        CpuidFeature.FPU, CpuidFeature.FPU287, CpuidFeature.FPU387, CpuidFeature.MMX, CpuidFeature.SSE, CpuidFeature.SSE2, CpuidFeature.CMOV,
        CpuidFeature.CX8, CpuidFeature.FXSR, CpuidFeature.MULTIBYTENOP, CpuidFeature.PAUSE, CpuidFeature.CLFSH,
    ];

    private static readonly Dictionary<CpuidFeature, string> Named = new()
    {
        [CpuidFeature.SSE3] = "pni",
        [CpuidFeature.SSSE3] = "ssse3",
        [CpuidFeature.SSE4_1] = "sse4_1",
        [CpuidFeature.SSE4_2] = "sse4_2",
        [CpuidFeature.AVX] = "avx",
        [CpuidFeature.AVX2] = "avx2",
        [CpuidFeature.FMA] = "fma",
        [CpuidFeature.F16C] = "f16c",
        [CpuidFeature.BMI1] = "bmi1",
        [CpuidFeature.BMI2] = "bmi2",
        [CpuidFeature.ADX] = "adx",
        [CpuidFeature.AES] = "aes",
        [CpuidFeature.VAES] = "vaes",
        [CpuidFeature.PCLMULQDQ] = "pclmulqdq",
        [CpuidFeature.VPCLMULQDQ] = "vpclmulqdq",
        [CpuidFeature.MOVBE] = "movbe",
        [CpuidFeature.POPCNT] = "popcnt",
        [CpuidFeature.LZCNT] = "abm",
        [CpuidFeature.CMPXCHG16B] = "cx16",
        [CpuidFeature.SHA] = "sha_ni",
        [CpuidFeature.GFNI] = "gfni",
        [CpuidFeature.XSAVE] = "xsave",
        [CpuidFeature.PREFETCHW] = "3dnowprefetch",
        [CpuidFeature.CLFLUSHOPT] = "clflushopt",
        [CpuidFeature.CLWB] = "clwb",
    };

    // What depends on the machine, changes segments or time, or leaves the program.
    private static readonly HashSet<Mnemonic> Excluded =
    [
        Mnemonic.Cpuid, Mnemonic.Rdtsc, Mnemonic.Rdtscp, Mnemonic.Rdpmc, Mnemonic.Rdrand, Mnemonic.Rdseed, Mnemonic.Rdpid, Mnemonic.Syscall,
        Mnemonic.Sysenter, Mnemonic.Sysexit, Mnemonic.Sysret, Mnemonic.Int, Mnemonic.Int1, Mnemonic.Int3, Mnemonic.Into, Mnemonic.Iret, Mnemonic.Iretd,
        Mnemonic.Iretq, Mnemonic.Hlt, Mnemonic.In, Mnemonic.Out, Mnemonic.Insb, Mnemonic.Insw, Mnemonic.Insd, Mnemonic.Outsb, Mnemonic.Outsw,
        Mnemonic.Outsd, Mnemonic.Cli, Mnemonic.Sti, Mnemonic.Retf, Mnemonic.Lss, Mnemonic.Lfs, Mnemonic.Lgs, Mnemonic.Lds, Mnemonic.Les,
        Mnemonic.Rdfsbase, Mnemonic.Rdgsbase, Mnemonic.Wrfsbase, Mnemonic.Wrgsbase, Mnemonic.Sgdt, Mnemonic.Sidt, Mnemonic.Sldt, Mnemonic.Str,
        Mnemonic.Smsw, Mnemonic.Lar, Mnemonic.Lsl, Mnemonic.Verr, Mnemonic.Verw, Mnemonic.Xgetbv, Mnemonic.Xsetbv, Mnemonic.Ud0, Mnemonic.Ud1,
        Mnemonic.Ud2, Mnemonic.Monitor, Mnemonic.Mwait, Mnemonic.Clac, Mnemonic.Stac, Mnemonic.Pushf, Mnemonic.Xsavec, Mnemonic.Xsavec64,
        Mnemonic.Xsaveopt, Mnemonic.Xsaveopt64, Mnemonic.Arpl, Mnemonic.Bound, Mnemonic.Salc, Mnemonic.Reservednop,
    ];

    /// <summary>All codes to try, whatever this host has.</summary>
    public static IEnumerable<Code> CodesOfAnyHost() => Codes([.. Named.Values]);

    /// <summary>All codes to try.</summary>
    public static Code[] Codes()
    {
        string flags = File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("flags", StringComparison.Ordinal));
        HashSet<string> host = [.. flags.Split([' ', ':', '\t'], StringSplitOptions.RemoveEmptyEntries)];
        return [.. Codes(host)];
    }

    private static IEnumerable<Code> Codes(HashSet<string> host) =>
        Enum.GetValues<Code>().Where(code => InstructionSet.Table.Contains(code) && IsUsable(code, host));

    private static bool IsUsable(Code code, HashSet<string> host)
    {
        OpCodeInfo info = code.ToOpCode();
        if (!info.Mode64 || !info.IsInstruction || info.IsPrivileged || info.MustBeCpl0 || Excluded.Contains(code.Mnemonic()))
            return false;
        if (Enumerable.Range(0, info.OpCount).Any(i => IsForbidden(info.GetOpKind(i))))
            return false;
        foreach (CpuidFeature feature in code.CpuidFeatures())
        {
            if (!Always.Contains(feature) && !(Named.TryGetValue(feature, out string? name) && host.Contains(name)))
                return false;
        }

        // BSWAP of 16 bits is left open; near branches with a 16-bit operand are AMD's only; far ones change CS.
        if (code is Code.Bswap_r16 or Code.Jmp_rm16 or Code.Call_rm16 or Code.Retnw or Code.Retnw_imm16 or Code.Jmp_m1616 or Code.Jmp_m1632 or Code.Jmp_m1664
            or Code.Call_m1616 or Code.Call_m1632 or Code.Call_m1664)
            return false;
        return code.FlowControl() is FlowControl.Next or FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch
            or FlowControl.IndirectBranch or FlowControl.Call or FlowControl.IndirectCall or FlowControl.Return;
    }

    private static bool IsForbidden(OpCodeOperandKind kind) => kind is OpCodeOperandKind.seg_reg or OpCodeOperandKind.br16_1 or OpCodeOperandKind.br16_2
        or OpCodeOperandKind.cr_reg
        or OpCodeOperandKind.dr_reg or OpCodeOperandKind.farbr2_2 or OpCodeOperandKind.farbr4_2 or OpCodeOperandKind.fs or OpCodeOperandKind.gs
        or OpCodeOperandKind.es or OpCodeOperandKind.cs or OpCodeOperandKind.ss or OpCodeOperandKind.ds;
}
