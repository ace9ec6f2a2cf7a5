using FluentAssertions.Execution;

namespace EnclaveTesting;

/// <summary>Hands a finding to FluentAssertions: its scopes and reasons work, the message stays.</summary>
internal static class FindingExtensions
{
    // No message has it.
    private const string Reason = "\u0001";

    /// <summary>Fails the assertion if the finding does not hold.</summary>
    public static void Require<T>(this Finding<T> finding, string because, object[] becauseArgs)
    {
        if (finding.Holds)
            return;
        string message = finding.Message(Reason).Replace("{", "{{", StringComparison.Ordinal).Replace("}", "}}", StringComparison.Ordinal);
        Execute.Assertion.BecauseOf(because, becauseArgs).FailWith(message.Replace(Reason, "{reason}", StringComparison.Ordinal));
    }
}
