using System.Globalization;
using System.Text;
using EnclaveTesting.Engine.Accelerators.Software.Cpu;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using Iced.Intel;
using Xunit.Abstractions;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>
/// The software CPU against the host's processor: every instruction of the table that a program may execute, with random operands and state, and
/// short sequences. <c>ENCLAVE_DIFFERENTIAL_CASES</c> sets how many cases are tried, <c>ENCLAVE_DIFFERENTIAL_SEED</c> which ones, and
/// <c>ENCLAVE_DIFFERENTIAL_ONLY</c> restricts them to instructions whose name begins so.
/// </summary>
public sealed unsafe partial class DifferentialTests(ITestOutputHelper output)
{
    private const int DefaultCases = 200_000, SingleTranslated = 4_000;
    private const int SequencePercent = 15;
    private const int Reported = 40;
    private const int IllegalInstruction = 4, UndefinedOpcode = 6;

    [HostOnlyFact]
    public void Computes_what_the_host_computes() => Compare(TranslationMode.Off, Setting("ENCLAVE_DIFFERENTIAL_CASES", DefaultCases), _ => true);

    /// <summary>Each instruction that is translated, jumps and calls among them; most of what is translated is tried in longer sequences.</summary>
    [HostOnlyFact]
    public void Translated_instructions_compute_what_the_host_computes() => Compare(TranslationMode.Immediate, SingleTranslated, IsTranslated);

    private void Compare(TranslationMode mode, long cases, Predicate<Code> isWanted)
    {
        ulong seed = Seed();
        output.WriteLine($"seed {seed}, {cases} cases");

        Code[] codes = [.. InstructionCatalog.Codes().Where(code => IsChosen(code) && isWanted(code))];
        codes.Should().NotBeEmpty();
        Code[] plain = [.. codes.Where(CaseBuilder.IsPlain)];
        var random = new TestRandom(seed);
        var builder = new CaseBuilder(random);
        using var native = new NativeProcessor();
        using var software = new SoftwareProcessor(mode);
        var test = new TestCase();
        var failures = new Dictionary<string, (int Count, string Text)>();
        var tried = new Dictionary<Code, int>();
        RegisterImage actual = default;
        int slot = 0, undefined = 0;
        for (long i = 0; i < cases; i++)
        {
            if (slot == CodeLayout.Slots)
            {
                slot = 0;
                software.CodeChanged();
            }

            ulong address = CodeLayout.Code + (ulong)(slot * CodeLayout.SlotSize);
            bool sequence = plain.Length > 0 && random.Below(100) < SequencePercent;
            Code code = codes[(int)(i % codes.Length)];
            bool built = sequence
                ? builder.TryBuildSequence(plain, address, NativeProcessor.Input, NativeProcessor.Data, test)
                : builder.TryBuild(code, address, NativeProcessor.Input, NativeProcessor.Data, test);
            if (!built)
                continue;
            slot++;
            if (!sequence)
                tried[code] = tried.GetValueOrDefault(code) + 1;
            native.SetCode(address, test.Code);
            software.SetCode(address, test.Code);
            string? difference = Difference(software, address, test, &actual, ref undefined);
            if (difference == null)
                continue;
            string key = sequence ? "sequence" : code.ToString();
            failures[key] = failures.TryGetValue(key, out (int Count, string Text) known)
                ? (known.Count + 1, known.Text)
                : (1, $"{test}\n    {difference}\n    {Describe(NativeProcessor.Input)}");
        }

        var report = new StringBuilder();
        foreach ((string key, (int count, string text)) in failures.OrderByDescending(pair => pair.Value.Count).Take(Reported))
            report.Append(CultureInfo.InvariantCulture, $"{key}: {count}\n  {text}\n");
        output.WriteLine($"{tried.Count} of {codes.Length} instructions, {tried.Values.DefaultIfEmpty().Min()} to {tried.Values.DefaultIfEmpty().Max()} cases each");
        report.ToString().Should().BeEmpty("both processors compute the same (first the host's result)");
        if (cases >= DefaultCases)
            codes.Except(tried.Keys).Should().BeEmpty("every instruction can be made into a case");
        (software.Cpu.Code.Regions.Installed > 0).Should().Be(mode == TranslationMode.Immediate);
        InstructionSet.Table.Count.Should().BeGreaterThan(codes.Length);
    }

    [HostOnlyFact]
    public void A_case_that_faults_on_the_host_ends_with_its_signal_and_leaves_the_host_alone()
    {
        using var native = new NativeProcessor();
        RandomState.Fill(new TestRandom(1), NativeProcessor.Input);
        NativeProcessor.Input->Gpr[0] = 0;
        byte[] load = [0x48, 0x8B, 0x00], undefined = [0x0F, 0x0B], divide = [0x48, 0xF7, 0xF0], nothing = [0x90];
        int[] signals = [.. new[] { load, undefined, divide, nothing }.Select((code, i) => Signal(native, code, i))];

        signals.Should().Equal(11, 4, 8, 0);
        string? managed = null;
        FluentActions.Invoking(() => managed!.Length).Should().Throw<NullReferenceException>("faults of the runtime's stay the runtime's");

        static int Signal(NativeProcessor native, byte[] code, int slot)
        {
            ulong address = CodeLayout.Code + (ulong)(slot * CodeLayout.SlotSize);
            native.SetCode(address, code);
            return NativeProcessor.Run(address);
        }
    }

    private static ulong Seed() => (ulong)Setting("ENCLAVE_DIFFERENTIAL_SEED", 1);

    private static bool IsChosen(Code code) => code.ToString().StartsWith(Environment.GetEnvironmentVariable("ENCLAVE_DIFFERENTIAL_ONLY") ?? "", StringComparison.OrdinalIgnoreCase);

    private static long Setting(string name, long otherwise)
        => long.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out long value) ? value : otherwise;

    private static string Describe(RegisterImage* input)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"from RFLAGS {input->Flags:X} MXCSR {input->Mxcsr:X} FCW {input->X87Control:X} FSW {input->X87Status:X} FTW {input->X87Tag:X}");
        for (int i = 0; i < 16; i++)
            text.Append(CultureInfo.InvariantCulture, $"{(i % 8 == 0 ? "\n      " : " ")}r{i}={input->Gpr[i]:X}");
        for (int i = 0; i < 8; i++)
            text.Append(CultureInfo.InvariantCulture, $"{(i % 4 == 0 ? "\n      " : " ")}st{i}={(ushort)input->X87[(2 * i) + 1]:X4}:{input->X87[2 * i]:X16}");
        for (int i = 0; i < 16; i++)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"{(i % 2 == 0 ? "\n      " : " ")}ymm{i}={input->Upper[(2 * i) + 1]:X16}_{input->Upper[2 * i]:X16}_{input->Lower[(2 * i) + 1]:X16}_{input->Lower[2 * i]:X16}");
        }

        return text.ToString();
    }
}
