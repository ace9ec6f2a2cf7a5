using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;

namespace EnclaveTesting.Guest.Answer;

/// <summary>What is answered: something of the runtime, its numbers and its text.</summary>
internal sealed record Reply(string Runtime, string Reversed, int Words, double Mean, string Power)
{
    public static Reply To(Request request) => new(
        Environment.Version.ToString(),
        string.Concat(request.Text.Reverse()),
        Regex.Count(request.Text, @"\w+"),
        request.Numbers.Average(),
        BigInteger.Pow(7, 1234).ToString(CultureInfo.InvariantCulture));
}
