using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.Memory;
using EnclaveTesting.Engine.Tests.Software.Differential;
using Iced.Intel;
using Xunit.Abstractions;
using static Iced.Intel.AssemblerRegisters;

namespace EnclaveTesting.Engine.Tests.Software.Translation;

/// <summary>A guest cannot tell translated code from interpreted code.</summary>
public sealed unsafe class TranslationTests(ITestOutputHelper output)
{
    private const int Programs = 24, Iterations = 400;

    /// <summary><c>ENCLAVE_TRANSLATION_PROGRAMS</c> and <c>ENCLAVE_TRANSLATION_SEED</c> choose more and others.</summary>
    [Fact]
    public void Random_programs_stop_at_the_same_places_in_the_same_state()
    {
        int programs = Setting("ENCLAVE_TRANSLATION_PROGRAMS", Programs);
        int first = Setting("ENCLAVE_TRANSLATION_SEED", 1);
        output.WriteLine($"seeds {first} to {first + programs - 1}");
        for (int seed = first; seed < first + programs; seed++)
        {
            var random = new TestRandom((ulong)seed);
            byte[] code = new RandomProgram(random, Iterations).Code;
            using CpuBed interpreted = Prepare(code, TranslationMode.Off, seed), translated = Prepare(code, TranslationMode.Immediate, seed);
            CpuStop stop;
            int run = 0;
            do
            {
                long budget = 1 + random.Below(random.Below(4) == 0 ? 2000 : 60);
                stop = interpreted.Cpu.Run(budget);
                translated.Cpu.Run(budget).Should().Be(stop, $"seed {seed}, run {run}");
                Compare(interpreted, translated, $"seed {seed}, run {run}");
                run++;
            }
            while (stop == CpuStop.Budget && run < 4000);

            Memory(translated).SequenceEqual(Memory(interpreted)).Should().BeTrue($"seed {seed}");
            translated.Cpu.Code.Regions.Installed.Should().BePositive();
            interpreted.Cpu.Code.Regions.Installed.Should().Be(0);
        }

        TranslationCache.Shared.Failures.Should().Be(0);
    }

    [Fact]
    public void What_runs_often_is_translated_in_the_background_and_goes_on_where_it_was()
    {
        using var bed = new CpuBed();
        bed.Put(CpuBed.Code, a =>
        {
            Label loop = a.CreateLabel();
            a.Label(ref loop);
            a.add(rbx, rcx);
            a.add(rcx, 1);
            a.cmp(rcx, rdx);
            a.jne(loop);
            a.hlt();
        });
        bed.State->Rip = CpuBed.Code;
        bed.State->Gpr[2] = ulong.MaxValue;
        while (bed.Cpu.Code.Regions.Installed == 0)
            bed.Cpu.Run(20_000).Should().Be(CpuStop.Budget);
        bed.Cpu.Run(20_000);

        bed.State->Gpr[2] = bed.State->Gpr[1] + 1_000_000;
        bed.Go(long.MaxValue / 4).Should().Be(CpuStop.Halted);
        ulong end = bed.Registers.Rcx;
        bed.Registers.Rbx.Should().Be(unchecked(end * (end - 1) / 2));
        bed.Cpu.Retired.Should().Be((long)(end * 4) + 1);
    }

    [Fact]
    public void A_fault_in_the_midst_of_a_region_finds_the_registers_of_that_instruction()
    {
        using var bed = new CpuBed(translation: TranslationMode.Immediate);
        ulong page = CpuBed.Data + 0x1000;
        bed.MapPage(page, 0);
        bed.RunUntilHalt(a =>
        {
            Label loop = a.CreateLabel();
            a.mov(rsi, CpuBed.Data + 0xF00);
            a.xor(eax, eax);
            a.Label(ref loop);
            a.add(eax, 3);
            a.mov(__qword_ptr[rsi], rax);
            a.add(rsi, 8);
            a.jmp(loop);
        });

        ReportedFault fault = bed.ExpectFault(14, 2);
        (bed.Read(fault.Rip) & 0xFF_FFFF).Should().Be(0x06_8948, "the store of RAX to [RSI] is there");
        bed.State->Cr2.Should().Be(page);
        bed.Registers.Rsi.Should().Be(page);
        bed.Registers.Rax.Should().Be(3 * ((0x100 / 8) + 1));
        bed.Read(page - 8).Should().Be(3 * 0x100 / 8);
    }

    [Theory]
    [InlineData(0x1D80, "a division by zero")]
    [InlineData(0x0FA0, "an inexact result")]
    [InlineData(0x1F00, "a division of zero by zero")]
    public void An_exception_of_numbers_in_the_midst_of_a_region_finds_the_state_of_that_instruction(int mxcsr, string what)
    {
        using CpuBed interpreted = Run(TranslationMode.Off), translated = Run(TranslationMode.Immediate);

        ReportedFault fault = interpreted.ExpectFault(19, 0, what);
        translated.Fault.Should().Be(fault, what);
        Compare(interpreted, translated, what);
        translated.State->Mxcsr.Should().Be(interpreted.State->Mxcsr);
        translated.Cpu.Code.Regions.Installed.Should().BePositive();

        // 5 / 3, 5 / 2, 5 / 1, 5 / 0, with flags of sums that nobody has asked for in between; then 0 / 0.
        CpuBed Run(TranslationMode mode)
        {
            var bed = new CpuBed(translation: mode);
            bed.Write(CpuBed.Data, (uint)mxcsr);
            bed.RunUntilHalt(a =>
            {
                Label loop = a.CreateLabel();
                a.ldmxcsr(__dword_ptr[CpuBed.Data]);
                a.mov(eax, 4);
                a.cvtsi2sd(xmm3, eax);
                a.mov(ecx, 1);
                a.cvtsi2sd(xmm4, ecx);
                a.mov(ecx, 5);
                a.cvtsi2sd(xmm1, ecx);
                a.Label(ref loop);
                a.movapd(xmm5, xmm1);
                a.subsd(xmm3, xmm4);
                a.paddd(xmm6, xmm4);
                a.add(rbx, rcx);
                a.divsd(xmm5, xmm3);
                a.sub(rsi, rbx);
                a.comisd(xmm1, xmm5);
                a.lea(rdi, __[rdi + rbx + 1]);
                a.jae(loop);
                a.xorpd(xmm5, xmm5);
                a.add(rbx, 7);
                a.divsd(xmm5, xmm5);
                a.comisd(xmm1, xmm5);
                a.hlt();
            });
            return bed;
        }
    }

    [Fact]
    public void A_call_whose_push_overwrites_the_callee_runs_what_was_written()
    {
        using var bed = new CpuBed(translation: TranslationMode.Immediate);
        ulong function = CpuBed.Code + 0x100;

        bed.Put(function, a =>
        {
            a.mov(rbx, 0x0123_4567_89AB_CDEF);
            a.ret();
        });
        bed.Run(a =>
        {
            Label loop = a.CreateLabel(), call = a.CreateLabel();
            a.mov(ecx, 3);
            a.Label(ref loop);
            a.mov(rsp, CpuBed.Stack);
            a.dec(ecx);
            a.jns(call);
            a.mov(rsp, function + 10);
            a.Label(ref call);
            a.call(function);
            a.test(ecx, ecx);
            a.jns(loop);
            a.hlt();
        });

        // The last return address became the immediate; TEST ECX, ECX is there.
        (bed.Read(bed.Registers.Rbx) & 0xFFFF).Should().Be(0xC985);
        bed.Registers.Rsp.Should().Be(function + 10);
    }

    [Fact]
    public void Machines_with_the_same_code_share_its_translation()
    {
        Action<Assembler> program = a =>
        {
            Label loop = a.CreateLabel();
            a.mov(ecx, 0x1234_567);
            a.mov(ecx, 40);
            a.Label(ref loop);
            a.dec(ecx);
            a.jne(loop);
            a.hlt();
        };
        using var first = new CpuBed(translation: TranslationMode.Immediate);
        first.Run(program);
        int translations = TranslationCache.Shared.Translate(Source(first)) is null ? 0 : 1;
        using var second = new CpuBed(translation: TranslationMode.Immediate);
        second.Run(program);

        translations.Should().Be(1);
        TranslationCache.Shared.Translate(Source(second)).Should().BeSameAs(TranslationCache.Shared.Translate(Source(first)));
    }

    private static RegionSource Source(CpuBed bed)
    {
        bed.Memory.TryTranslate(CpuBed.Code, 1, out ulong ram).Should().BeTrue();
        Block* block = bed.Cpu.Code.Peek(ram, (uint)bed.Cpu.Mode);
        return new RegionSelector(bed.Cpu.Code, block, int.MaxValue).Copy();
    }

    private static CpuBed Prepare(byte[] code, TranslationMode mode, int seed)
    {
        var bed = new CpuBed(translation: mode);
        bed.WriteBytes(CpuBed.Code, code);
        if (seed % 3 != 0)
            bed.MapPage(RandomProgram.Data + 0x2000, 0);
        bed.State->Rip = CpuBed.Code;
        return bed;
    }

    private static void Compare(CpuBed expected, CpuBed actual, string because)
    {
        actual.Registers.Should().Be(expected.Registers, because);
        actual.Cpu.Retired.Should().Be(expected.Cpu.Retired, because);
        new ReadOnlySpan<byte>(actual.State->Xmm, 16 * CpuState.VectorStride).SequenceEqual(new ReadOnlySpan<byte>(expected.State->Xmm, 16 * CpuState.VectorStride))
            .Should().BeTrue(because);
        actual.State->Cr2.Should().Be(expected.State->Cr2, because);
    }

    private static Span<byte> Memory(CpuBed bed) => bed.Memory.GetSpan(new GuestAddress(RandomProgram.Data), 0x2000);

    private static int Setting(string name, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(name), out int value) ? value : otherwise;
}
