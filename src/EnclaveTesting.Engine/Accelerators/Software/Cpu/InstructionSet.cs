using System.Collections.Concurrent;
using EnclaveTesting.Engine.Accelerators.Cpuid;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Integer;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Privileged;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Simd;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.X87;
using Iced.Intel;

namespace EnclaveTesting.Engine.Accelerators.Software.Cpu;

/// <summary>All instructions this CPU knows: each topic registers its own.</summary>
internal static class InstructionSet
{
    /// <summary>The table of them all.</summary>
    public static OpTable Table { get; } = Create();

    /// <summary>Which feature, by the name it has in <see cref="CpuFeatures"/>, an instruction needs; those not here every CPU has.</summary>
    public static IReadOnlyDictionary<CpuidFeature, string> Features { get; } = new Dictionary<CpuidFeature, string>
    {
        [CpuidFeature.SSE3] = "pni",
        [CpuidFeature.SSSE3] = "ssse3",
        [CpuidFeature.SSE4_1] = "sse4_1",
        [CpuidFeature.SSE4_2] = "sse4_2",
        [CpuidFeature.POPCNT] = "popcnt",
        [CpuidFeature.CMPXCHG16B] = "cx16",
        [CpuidFeature.AVX] = "avx",
        [CpuidFeature.AVX2] = "avx2",
        [CpuidFeature.FMA] = "fma",
        [CpuidFeature.F16C] = "f16c",
        [CpuidFeature.BMI1] = "bmi1",
        [CpuidFeature.BMI2] = "bmi2",
        [CpuidFeature.LZCNT] = "abm",
        [CpuidFeature.MOVBE] = "movbe",
        [CpuidFeature.XSAVE] = "xsave",
        [CpuidFeature.XSAVEOPT] = "xsaveopt",
        [CpuidFeature.XSAVEC] = "xsavec",
        [CpuidFeature.AES] = "aes",
        [CpuidFeature.PCLMULQDQ] = "pclmulqdq",
        [CpuidFeature.ADX] = "adx",
        [CpuidFeature.RDRAND] = "rdrand",
        [CpuidFeature.RDSEED] = "rdseed",
        [CpuidFeature.RDTSCP] = "rdtscp",
        [CpuidFeature.RDPID] = "rdpid",
        [CpuidFeature.FSGSBASE] = "fsgsbase",
        [CpuidFeature.SMAP] = "smap",
        [CpuidFeature.CLFLUSHOPT] = "clflushopt",
        [CpuidFeature.CLWB] = "clwb",
    };

    private static readonly ConcurrentDictionary<CpuTemplate, OpTable> Tables = new();

    /// <summary>The instructions that a CPU of a template has.</summary>
    public static OpTable For(CpuTemplate template) => template == CpuTemplate.Host ? Table : Tables.GetOrAdd(
        template,
        static template => new OpTable(
            Table, code => code.CpuidFeatures().All(needed => !Features.TryGetValue(needed, out string? name) || CpuFeatures.Has(template, name))));

    /// <summary>How instructions of such a CPU are decoded: TZCNT and LZCNT are BSF and BSR with a prefix that those ignore.</summary>
    public static DecoderOptions DecodingFor(CpuTemplate template) => DecoderOptions.NoWbnoinvd
        | (CpuFeatures.Has(template, "bmi1") ? 0 : DecoderOptions.NoMPFX_0FBC)
        | (CpuFeatures.Has(template, "abm") ? 0 : DecoderOptions.NoMPFX_0FBD);

    /// <summary>A new table, in which nothing has been looked for.</summary>
    internal static OpTable Create()
    {
        var table = new OpTable { Group = OpGroup.Integer };
        Alu.Register(table);
        Unary.Register(table);
        Multiply.Register(table);
        Shifts.Register(table);
        DoubleShifts.Register(table);
        Bits.Register(table);
        BitManipulation.Register(table);
        Moves.Register(table);
        ConditionalMoves.Register(table);
        Atomics.Register(table);
        Stack.Register(table);
        Branches.Register(table);
        StringOps.Register(table);
        PortOps.Register(table);
        FlagOps.Register(table);
        Integer.Decimal.Register(table);
        ControlOps.Register(table);
        DescriptorOps.Register(table);
        SegmentOps.Register(table);
        ControlTransfers.Register(table);
        InformationOps.Register(table);
        HypercallOps.Register(table);
        table.AddLater(SimdInstructions.RegisterState);
        table.AddLater(X87Instructions.Register);
        SimdInstructions.Register(table);
        return table;
    }
}
