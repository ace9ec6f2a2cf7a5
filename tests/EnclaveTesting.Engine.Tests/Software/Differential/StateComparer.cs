using System.Globalization;

namespace EnclaveTesting.Engine.Tests.Software.Differential;

/// <summary>Compares what two processors made of the same case.</summary>
internal static unsafe class StateComparer
{
    private const ulong Underflow = 0x10;

    private static readonly string[] Names = ["RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15"];

    /// <summary>The differences, or null.</summary>
    public static string? Compare(TestCase test, RegisterImage* expected, RegisterImage* actual, Span<byte> expectedData, Span<byte> actualData)
    {
        if (IsSame(test, expected, actual) && test.Open.Count == 0 && expectedData.SequenceEqual(actualData))
            return null;
        var text = new List<string>();
        for (int i = 0; i < 16; i++)
            Add(text, Names[i], expected->Gpr[i], actual->Gpr[i]);
        Add(text, "RFLAGS", expected->Flags & test.Flags, actual->Flags & test.Flags);
        Add(text, "MXCSR", expected->Mxcsr, actual->Mxcsr);
        Add(text, "FCW", expected->X87Control, actual->X87Control);
        ulong status = test.X87Status;
        // Results that may differ may lie on both sides of the smallest normal number: underflow follows from each.
        if (test.X87Tolerance != 0 && !new Span<byte>(expected->X87, 128).SequenceEqual(new Span<byte>(actual->X87, 128)))
            status &= ~Underflow;
        Add(text, "FSW", expected->X87Status & status, actual->X87Status & status);
        Add(text, "FTW", expected->X87Tag & 0xFFUL, actual->X87Tag & 0xFFUL);
        for (int i = 0; i < 8; i++)
            AddExtended(text, test, i, expected->X87 + (2 * i), actual->X87 + (2 * i));
        for (int i = 0; i < 16; i++)
        {
            AddVector(text, test, i, $"XMM{i}", expected->Lower + (2 * i), actual->Lower + (2 * i));
            AddVector(text, test, i, $"YMM{i}.high", expected->Upper + (2 * i), actual->Upper + (2 * i));
        }

        foreach ((int offset, int length) in test.Open)
            expectedData.Slice(offset, length).CopyTo(actualData[offset..]);
        if (!expectedData.SequenceEqual(actualData))
        {
            int at = expectedData.CommonPrefixLength(actualData);
            int from = at & ~15;
            int length = Math.Min(32, expectedData.Length - from);
            text.Add($"memory at +{at}: {Convert.ToHexString(expectedData.Slice(from, length))}, not {Convert.ToHexString(actualData.Slice(from, length))}");
        }

        return text.Count == 0 ? null : string.Join("\n    ", text);
    }

    private static bool IsSame(TestCase test, RegisterImage* expected, RegisterImage* actual)
    {
        if (test.X87Tolerance != 0 || test.ApproximateVector >= 0 || test.AnyNanVector >= 0)
            return false;
        bool same = new Span<byte>(expected, RegisterImage.FlagsOffset).SequenceEqual(new Span<byte>(actual, RegisterImage.FlagsOffset))
            && ((expected->Flags ^ actual->Flags) & test.Flags) == 0
            && expected->Mxcsr == actual->Mxcsr && expected->X87Control == actual->X87Control
            && ((expected->X87Status ^ actual->X87Status) & test.X87Status) == 0 && (byte)expected->X87Tag == (byte)actual->X87Tag;
        const int Registers = 128 + 256;
        return same && new Span<byte>(expected->X87, Registers).SequenceEqual(new Span<byte>(actual->X87, Registers))
            && new Span<byte>(expected->Upper, 256).SequenceEqual(new Span<byte>(actual->Upper, 256));
    }

    private static void Add(List<string> text, string name, ulong expected, ulong actual)
    {
        if (expected != actual)
            text.Add(string.Create(CultureInfo.InvariantCulture, $"{name} {expected:X}, not {actual:X}"));
    }

    private static void AddExtended(List<string> text, TestCase test, int number, ulong* expected, ulong* actual)
    {
        var expectedExponent = (ushort)expected[1];
        var actualExponent = (ushort)actual[1];
        if (expected[0] == actual[0] && expectedExponent == actualExponent)
            return;
        if (test.X87Tolerance != 0)
        {
            Int128 difference = Place(expected[0], expectedExponent) - Place(actual[0], actualExponent);
            if (Int128.Abs(difference) <= test.X87Tolerance)
                return;
        }

        text.Add(string.Create(
            CultureInfo.InvariantCulture, $"ST{number} {expectedExponent:X4}:{expected[0]:X16}, not {actualExponent:X4}:{actual[0]:X16}"));
    }

    // How many representable numbers lie between zero and this one: denormals have the exponent of the smallest normal number.
    private static Int128 Place(ulong significand, ushort signExponent)
    {
        Int128 magnitude = ((Int128)Math.Max((signExponent & 0x7FFF) - 1, 0) << 63) + significand;
        return (signExponent & 0x8000) != 0 ? -magnitude : magnitude;
    }

    private static void AddVector(List<string> text, TestCase test, int number, string name, ulong* expected, ulong* actual)
    {
        if (expected[0] == actual[0] && expected[1] == actual[1])
            return;
        if (number == test.ApproximateVector)
        {
            bool close = true;
            for (int i = 0; i < 4; i++)
                close &= IsClose(((float*)expected)[i], ((float*)actual)[i]);
            if (close)
                return;
        }

        if (number == test.AnyNanVector && (AreNans((float*)expected, (float*)actual, 4) || AreNans((double*)expected, (double*)actual, 2)))
            return;
        text.Add(string.Create(
            CultureInfo.InvariantCulture, $"{name} {expected[1]:X16}_{expected[0]:X16}, not {actual[1]:X16}_{actual[0]:X16}"));
    }

    // The software CPU's result is exact but for its last bit, the host's may be off by 1.5 x 2^-12; a result that may be below the smallest
    // normal number may be flushed to zero (SDM vol. 2, RCPPS).
    private static bool IsClose(float expected, float actual)
    {
        const float smallest = 1.17549435e-38f, bound = 1.5f / 4096;
        if (BitConverter.SingleToUInt32Bits(expected) == BitConverter.SingleToUInt32Bits(actual))
            return true;
        if (float.IsNegative(expected) != float.IsNegative(actual) || !float.IsFinite(expected) || !float.IsFinite(actual))
            return false;
        expected = expected == 0 ? MathF.CopySign(smallest, expected) : expected;
        actual = actual == 0 ? MathF.CopySign(smallest, actual) : actual;
        return Math.Abs((double)expected - actual) <= Math.Abs((double)actual) * bound;
    }

    // Each element the same, or a NaN in both.
    private static bool AreNans<T>(T* expected, T* actual, int count)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T>
    {
        for (int i = 0; i < count; i++)
        {
            bool same = expected[i] == actual[i] && T.IsNegative(expected[i]) == T.IsNegative(actual[i]);
            if (!same && !(T.IsNaN(expected[i]) && T.IsNaN(actual[i])))
                return false;
        }

        return true;
    }
}
