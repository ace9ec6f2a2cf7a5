using System.Globalization;
using Xunit.Abstractions;

namespace EnclaveTesting.Tests.Shared;

/// <summary>The seed of a randomised test: a new one each time, or that of the environment variable TEST_SEED to repeat a run.</summary>
internal static class Seeds
{
    public static int Take(ITestOutputHelper output)
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("TEST_SEED"), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int given)
            ? given
            : Environment.TickCount;
        output.WriteLine($"TEST_SEED={seed}");
        return seed;
    }
}
