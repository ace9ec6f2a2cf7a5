using System.Text.RegularExpressions;
using FluentAssertions;
using FluentAssertions.Primitives;

namespace EnclaveTesting;

/// <summary>Assertions about what an enclave has printed. Those of <see cref="EnclaveAssert"/>, with the same messages.</summary>
public sealed class ConsoleAssertions(ConsoleView subject) : ReferenceTypeAssertions<ConsoleView, ConsoleAssertions>(subject)
{
    /// <inheritdoc/>
    protected override string Identifier => "console";

    /// <summary>Asserts that a line contains a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndWhichConstraint<ConsoleAssertions, string> ContainLine(string text, string because = "", params object[] becauseArgs)
    {
        Finding<string> finding = ConsoleFindings.Line(Subject, text);
        finding.Require(because, becauseArgs);
        return new(this, finding.Value);
    }

    /// <summary>Asserts that a line matches a pattern.</summary>
    /// <param name="pattern">The pattern.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndWhichConstraint<ConsoleAssertions, string> ContainLine(Regex pattern, string because = "", params object[] becauseArgs)
    {
        Finding<string> finding = ConsoleFindings.Line(Subject, pattern);
        finding.Require(because, becauseArgs);
        return new(this, finding.Value);
    }

    /// <summary>Asserts that there are lines that contain these texts, one line for each, in this order; others may stand between them.</summary>
    /// <param name="texts">The texts.</param>
    public AndConstraint<ConsoleAssertions> ContainLinesInOrder(params string[] texts) => ContainLinesInOrder(texts, "");

    /// <summary>Asserts that there are lines that contain these texts, one line for each, in this order; others may stand between them.</summary>
    /// <param name="texts">The texts.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndConstraint<ConsoleAssertions> ContainLinesInOrder(IReadOnlyList<string> texts, string because, params object[] becauseArgs)
    {
        ConsoleFindings.LinesInOrder(Subject, texts).Require(because, becauseArgs);
        return new(this);
    }

    /// <summary>Asserts that no line contains a text.</summary>
    /// <inheritdoc cref="ContainLine(string, string, object[])"/>
    public AndConstraint<ConsoleAssertions> NotContainLine(string text, string because = "", params object[] becauseArgs)
    {
        ConsoleFindings.NoLine(Subject, text).Require(because, becauseArgs);
        return new(this);
    }

    /// <summary>Asserts that no line matches a pattern.</summary>
    /// <inheritdoc cref="ContainLine(Regex, string, object[])"/>
    public AndConstraint<ConsoleAssertions> NotContainLine(Regex pattern, string because = "", params object[] becauseArgs)
    {
        ConsoleFindings.NoLine(Subject, pattern).Require(because, becauseArgs);
        return new(this);
    }
}
