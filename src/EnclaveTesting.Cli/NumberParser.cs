using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace EnclaveTesting.Cli;

/// <summary>Options that take a number of a range; what is no number or outside is one line about usage.</summary>
internal static class NumberParser
{
    /// <summary>For <c>CustomParser</c>.</summary>
    /// <param name="isGood">The range.</param>
    /// <param name="problem">What to say about anything else.</param>
    public static Func<ArgumentResult, T> Of<T>(Func<T, bool> isGood, string problem)
        where T : struct, INumber<T> => result =>
    {
        if (T.TryParse(result.Tokens[0].Value, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && isGood(value))
            return value;
        result.AddError(problem);
        return default;
    };

    /// <summary>The same for options that may be left out.</summary>
    public static Func<ArgumentResult, T?> OfOptional<T>(Func<T, bool> isGood, string problem)
        where T : struct, INumber<T>
    {
        var parse = Of(isGood, problem);
        return result => parse(result);
    }
}
