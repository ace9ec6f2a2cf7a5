using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using EnclaveTesting.Engine.Accelerators.Software.Cpu.Translation;
using Iced.Intel;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>
/// What the software CPU computes in random cases of each of its instructions, as a digest for each: to be compared with another host's, whose
/// .NET has other instructions to compute it with.
/// </summary>
internal static unsafe class ResultDigests
{
    private const int DigestLength = 16;

    /// <summary>Computes the cases.</summary>
    /// <param name="mode">Whether they are translated.</param>
    /// <param name="cases">How many.</param>
    /// <param name="seed">Which.</param>
    /// <returns>A line for each instruction: its name and the digest of all that was computed.</returns>
    public static IReadOnlyList<string> Compute(TranslationMode mode, int cases, ulong seed)
    {
        Code[] codes = [.. InstructionCatalog.CodesOfAnyHost()];
        var digests = new SortedDictionary<string, IncrementalHash>(StringComparer.Ordinal);
        var builder = new CaseBuilder(new TestRandom(seed));
        using var software = new SoftwareProcessor(mode);
        var test = new TestCase();
        var input = (RegisterImage*)NativeMemory.AlignedAlloc(2 * RegisterImage.Size, 64);
        RegisterImage* result = input + 1;
        byte[] data = new byte[CodeLayout.DataSize];
        try
        {
            new Span<byte>(input, 2 * RegisterImage.Size).Clear();
            int slot = 0;
            for (int i = 0; i < cases; i++)
            {
                if (slot == CodeLayout.Slots)
                {
                    slot = 0;
                    software.CodeChanged();
                }

                Code code = codes[i % codes.Length];
                ulong address = CodeLayout.Code + (ulong)(slot * CodeLayout.SlotSize);
                if (!builder.TryBuild(code, address, input, data, test))
                    continue;
                slot++;
                software.SetCode(address, test.Code);
                data.CopyTo(software.Data);
                software.Run(address, input, result);
                string name = code.ToString();
                if (!digests.TryGetValue(name, out IncrementalHash? digest))
                    digests[name] = digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                digest.AppendData(new ReadOnlySpan<byte>(result, RegisterImage.Size));
                digest.AppendData(software.Data);
            }

            return [.. digests.Select(pair => string.Create(CultureInfo.InvariantCulture, $"{mode} {pair.Key} {Convert.ToHexStringLower(pair.Value.GetHashAndReset())[..DigestLength]}"))];
        }
        finally
        {
            NativeMemory.AlignedFree(input);
            foreach (IncrementalHash digest in digests.Values)
                digest.Dispose();
        }
    }
}
