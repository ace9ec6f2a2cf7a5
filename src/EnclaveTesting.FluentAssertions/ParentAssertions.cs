using FluentAssertions;
using FluentAssertions.Primitives;

namespace EnclaveTesting;

/// <summary>Assertions about what an enclave did at its parent. Those of <see cref="EnclaveAssert"/>, with the same messages; only what ends in Async waits.</summary>
public sealed class ParentAssertions(ParentInstance subject) : ReferenceTypeAssertions<ParentInstance, ParentAssertions>(subject)
{
    /// <inheritdoc/>
    protected override string Identifier => "parent";

    /// <summary>Asserts that a connection to a port brought a text, in UTF-8, somewhere among its first 64 KiB.</summary>
    /// <param name="port">The parent's port.</param>
    /// <param name="text">The text.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndWhichConstraint<ParentAssertions, ParentConnection> HaveReceived(uint port, string text, string because = "", params object[] becauseArgs)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Require(ParentFindings.Received(Subject, port, text), because, becauseArgs);
    }

    /// <summary>Asserts that a connection to a port brought some bytes, somewhere among its first 64 KiB.</summary>
    /// <param name="port">The parent's port.</param>
    /// <param name="bytes">The bytes.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndWhichConstraint<ParentAssertions, ParentConnection> HaveReceived(uint port, ReadOnlyMemory<byte> bytes, string because = "", params object[] becauseArgs) =>
        Require(ParentFindings.Received(Subject, port, bytes), because, becauseArgs);

    /// <summary>Asserts how many connections to a port there were.</summary>
    /// <param name="port">The parent's port.</param>
    /// <param name="count">How many; 0 for none.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndWhichConstraint<ParentAssertions, IReadOnlyList<ParentConnection>> HaveConnections(uint port, int count, string because = "", params object[] becauseArgs)
    {
        Finding<IReadOnlyList<ParentConnection>> finding = ParentFindings.Connections(Subject, port, count);
        finding.Require(because, becauseArgs);
        return new(this, finding.Value);
    }

    /// <summary>Asserts that the enclave did everything the parent's scripts expect, and nothing else on their ports; waits a little for what is under way.</summary>
    /// <param name="patience">How long to wait for what may still come; 30 seconds unless given.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public async Task<AndConstraint<ParentAssertions>> HaveMetItsExpectationsAsync(TimeSpan? patience = null, string because = "", params object[] becauseArgs)
    {
        Finding<ParentInstance> finding = await ParentFindings.ExpectationsAsync(Subject, patience).ConfigureAwait(false);
        finding.Require(because, becauseArgs);
        return new(this);
    }

    private AndWhichConstraint<ParentAssertions, ParentConnection> Require(Finding<ParentConnection?> finding, string because, object[] becauseArgs)
    {
        finding.Require(because, becauseArgs);
        return new(this, finding.Value!);
    }
}
