using EnclaveTesting.Engine.Accelerators;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software;

/// <summary>What a processor does not tell of it does not have either.</summary>
public sealed class CpuTemplateInstructionTests
{
    private const int Undefined = 6, Protection = 13;

    // PAE, PGE, OSFXSR, OSXMMEXCPT.
    private const int Cr4 = 0x6A0;

    public static TheoryData<string, CpuTemplate, CpuTemplate> Borders { get; } = new()
    {
        { "popcnt", CpuTemplate.Baseline, CpuTemplate.V2 },
        { "cmpxchg16b", CpuTemplate.Baseline, CpuTemplate.V2 },
        { "pshufb", CpuTemplate.Baseline, CpuTemplate.V2 },
        { "crc32", CpuTemplate.Baseline, CpuTemplate.V2 },
        { "movbe", CpuTemplate.V2, CpuTemplate.V3 },
        { "andn", CpuTemplate.V2, CpuTemplate.V3 },
        { "shlx", CpuTemplate.V2, CpuTemplate.V3 },
        { "xgetbv", CpuTemplate.V2, CpuTemplate.V3 },
        { "vaddps", CpuTemplate.V2, CpuTemplate.V3 },
        { "aesenc", CpuTemplate.V3, CpuTemplate.Host },
        { "adcx", CpuTemplate.V3, CpuTemplate.Host },
        { "rdtscp", CpuTemplate.V3, CpuTemplate.Host },
        { "stac", CpuTemplate.V3, CpuTemplate.Host },
    };

    [Theory]
    [MemberData(nameof(Borders))]
    public void Instructions_above_the_template_are_undefined(string name, CpuTemplate without, CpuTemplate with)
    {
        using var lower = new CpuBed(template: without);
        lower.RunUntilHalt(a => Assemble(a, name, enable: false));
        lower.ExpectFault(Undefined, 0, name);

        using var higher = new CpuBed(template: with);
        higher.Run(a => Assemble(a, name, enable: with is CpuTemplate.V3 or CpuTemplate.Host));
    }

    [Theory]
    [InlineData(CpuTemplate.V2, 8UL, 23UL)]
    [InlineData(CpuTemplate.V3, 8UL, 8UL)]
    public void Without_their_features_TZCNT_and_LZCNT_are_BSF_and_BSR(CpuTemplate template, ulong trailing, ulong leading)
    {
        using var bed = new CpuBed(template: template);
        bed.Run(a =>
        {
            a.mov(ecx, 0x0080_0100);
            a.tzcnt(eax, ecx);
            a.lzcnt(edx, ecx);
            a.hlt();
        });

        bed.Registers.Rax.Should().Be(trailing);
        bed.Registers.Rdx.Should().Be(leading);
    }

    [Theory]
    [InlineData(CpuTemplate.V2, 1 << 18, Protection)]
    [InlineData(CpuTemplate.V3, 1 << 18, -1)]
    [InlineData(CpuTemplate.V3, 1 << 20, Protection)]
    [InlineData(CpuTemplate.V3, 1 << 21, Protection)]
    [InlineData(CpuTemplate.Host, 1 << 21, -1)]
    public void CR4_takes_what_the_template_has(CpuTemplate template, int bit, int fault)
    {
        using var bed = new CpuBed(template: template);
        bed.RunUntilHalt(a =>
        {
            a.mov(eax, Cr4 | bit);
            a.mov(cr4, rax);
            a.hlt();
        });

        if (fault < 0)
            bed.Fault.Should().BeNull();
        else
            bed.ExpectFault((ulong)fault, 0);
    }

    private static void Assemble(Assembler a, string name, bool enable)
    {
        if (enable)
        {
            a.mov(eax, Cr4 | (1 << 18));
            a.mov(cr4, rax);
            a.xor(ecx, ecx);
            a.xor(edx, edx);
            a.mov(eax, 7);
            a.xsetbv();
        }

        a.mov(rbx, CpuBed.Data);
        a.xor(ecx, ecx);
        switch (name)
        {
            case "popcnt": a.popcnt(eax, ecx); break;
            case "cmpxchg16b": a.cmpxchg16b(__[rbx]); break;
            case "pshufb": a.pshufb(xmm0, xmm1); break;
            case "crc32": a.crc32(eax, cl); break;
            case "movbe": a.movbe(eax, __dword_ptr[rbx]); break;
            case "andn": a.andn(eax, ecx, edx); break;
            case "shlx": a.shlx(eax, ecx, edx); break;
            case "xgetbv": a.xgetbv(); break;
            case "vaddps": a.vaddps(ymm0, ymm1, ymm2); break;
            case "aesenc": a.aesenc(xmm0, xmm1); break;
            case "adcx": a.adcx(eax, ecx); break;
            case "rdtscp": a.rdtscp(); break;
            case "stac": a.stac(); break;
            default: throw new ArgumentOutOfRangeException(nameof(name), name, null);
        }

        a.hlt();
    }
}
