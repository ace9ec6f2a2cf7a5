using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

public sealed unsafe partial class DifferentialTests
{
    private const int DefaultTranslated = 250_000;

    // A translation takes as long as some hundred executions of it with their comparisons.
    private const int FewInputs = 200, ManyInputs = 1000, WantedSequences = 10_000;

    /// <summary>Sequences of translated instructions, others among them, each with many inputs. <c>ENCLAVE_DIFFERENTIAL_TRANSLATED</c> sets how many cases.</summary>
    [HostOnlyFact]
    public void Translated_sequences_compute_what_the_host_computes()
    {
        long cases = Setting("ENCLAVE_DIFFERENTIAL_TRANSLATED", DefaultTranslated);
        var inputs = (int)Math.Clamp(cases / WantedSequences, FewInputs, ManyInputs);
        ulong seed = Seed();
        output.WriteLine($"seed {seed}, {cases} cases, {inputs} for a sequence");
        var random = new TestRandom(seed);
        ILookup<bool, Code> codes = InstructionCatalog.Codes().ToLookup(IsTranslated);
        var builder = new SequenceBuilder(random, codes[true].Where(IsChosen), codes[false]);
        using var native = new NativeProcessor();
        using var software = new SoftwareProcessor(TranslationMode.Immediate);
        var test = new TestCase();
        var failures = new List<string>();
        var tried = new Dictionary<Code, int>();
        RegisterImage actual = default;
        var data = new byte[CodeLayout.DataSize];
        int slot = 0, undefined = 0;
        long done = 0;
        while (done < cases)
        {
            if (slot == CodeLayout.Slots)
            {
                slot = 0;
                software.CodeChanged();
            }

            ulong address = CodeLayout.Code + (ulong)(slot++ * CodeLayout.SlotSize);
            builder.Build(address, NativeProcessor.Input, NativeProcessor.Data, test);
            foreach (Instruction instruction in test.Instructions)
                tried[instruction.Code] = tried.GetValueOrDefault(instruction.Code) + 1;
            native.SetCode(address, test.Code);
            software.SetCode(address, test.Code);
            for (int i = 0; i < inputs; i++, done++)
            {
                if (i > 0)
                    builder.Refresh(NativeProcessor.Input, NativeProcessor.Data);
                NativeProcessor.Data.CopyTo(data);
                if (Difference(software, address, test, &actual, ref undefined) is not { } difference)
                    continue;
                if (failures.Count < Reported)
                    failures.Add($"{test}\n    {difference}\n    {Describe(NativeProcessor.Input)}\n{Shorten(native, builder, test, address, data)}");
                done += inputs - i;
                break;
            }
        }

        output.WriteLine($"{tried.Count} instructions, of {builder.Translated.Count} that are translated {builder.Translated.Min(tried.GetValueOrDefault)} to {builder.Translated.Max(tried.GetValueOrDefault)} times each");
        string.Join('\n', failures).Should().BeEmpty("both processors compute the same (first the host's result)");
        if (cases >= DefaultTranslated)
            builder.Translated.Except(tried.Keys).Should().BeEmpty("every instruction gets into a sequence");
        software.Cpu.Code.Regions.Installed.Should().BePositive();
        undefined.Should().Be(0);
        TranslationCache.Shared.Failures.Should().Be(0);
    }

    private static bool IsTranslated(Code code) => MicroOpTable.Find(code).Operation != Operation.Handler || VectorOpTable.Find(code, CpuMode.Code64).Kind != VectorKind.None;

    /// <summary>Executes what is in a slot on both; null if they agree.</summary>
    private static string? Difference(SoftwareProcessor software, ulong address, TestCase test, RegisterImage* actual, ref int undefined)
    {
        NativeProcessor.Data.CopyTo(software.Data);
        int signal = NativeProcessor.Run(address);
        bool ended = software.Run(address, NativeProcessor.Input, actual);
        // A gather whose registers are not three different ones is the only undefined opcode that is made.
        if (signal == IllegalInstruction && software.Fault == UndefinedOpcode)
        {
            undefined++;
            return null;
        }

        return signal != 0 ? $"the host raised signal {signal}"
            : ended ? StateComparer.Compare(test, NativeProcessor.Output, actual, NativeProcessor.Data, software.Data)
            : $"did not get to the end: RIP {actual->Target:X}, {software.Unimplemented ?? "a fault"}";
    }

    /// <summary>What becomes different first if the sequence ends earlier.</summary>
    private static string Shorten(NativeProcessor native, SequenceBuilder builder, TestCase test, ulong address, ReadOnlySpan<byte> data)
    {
        using var fresh = new SoftwareProcessor(TranslationMode.Immediate);
        RegisterImage actual = default;
        int undefined = 0;
        var shorter = new TestCase();
        foreach ((int length, ulong open) in builder.Ends)
        {
            shorter.Clear();
            shorter.Code = test.Code[..length];
            shorter.Flags &= ~open;
            native.SetCode(address, shorter.Code);
            fresh.SetCode(address, shorter.Code);
            fresh.CodeChanged();
            data.CopyTo(NativeProcessor.Data);
            if (Difference(fresh, address, shorter, &actual, ref undefined) is { } difference)
                return $"  the first {length} bytes: {difference}";
        }

        return "  shorter ones agree";
    }
}
