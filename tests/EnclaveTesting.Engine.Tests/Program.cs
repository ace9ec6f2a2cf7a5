using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using EnclaveTesting.Engine.Tests.Software.Differential;

namespace EnclaveTesting.Engine.Tests;

/// <summary>
/// What another host, or this one with other processor features, is asked: <c>digests CASES TRANSLATED SEED</c> prints what the software CPU computes.
/// Test runners do not come here.
/// </summary>
internal static class Program
{
    public const string Digests = "digests";

    /// <summary>The first line of the output.</summary>
    public static string Features(bool hasAvx) => $"on {RuntimeInformation.ProcessArchitecture}, AVX {hasAvx}";

    private static int Main(string[] arguments)
    {
        if (arguments is not [Digests, var cases, var translated, var seed])
            return 2;
        Console.WriteLine(Features(Avx.IsSupported));
        foreach ((TranslationMode mode, string count) in ((TranslationMode, string)[])[(TranslationMode.Off, cases), (TranslationMode.Immediate, translated)])
        {
            foreach (string line in ResultDigests.Compute(mode, int.Parse(count, CultureInfo.InvariantCulture), ulong.Parse(seed, CultureInfo.InvariantCulture)))
                Console.WriteLine(line);
        }

        return 0;
    }
}
