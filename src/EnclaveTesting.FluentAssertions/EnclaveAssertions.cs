using EnclaveTesting.Engine.Machine;
using FluentAssertions;
using FluentAssertions.Primitives;

namespace EnclaveTesting;

/// <summary>Assertions about an enclave. Those of <see cref="EnclaveAssert"/>, with the same messages; only what ends in Async waits.</summary>
public sealed class EnclaveAssertions(Enclave subject) : ReferenceTypeAssertions<Enclave, EnclaveAssertions>(subject)
{
    /// <inheritdoc/>
    protected override string Identifier => "enclave";

    /// <summary>Asserts that the enclave's heartbeat has come.</summary>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndConstraint<EnclaveAssertions> HaveSentHeartbeat(string because = "", params object[] becauseArgs)
    {
        EnclaveFindings.Heartbeat(Subject).Require(because, becauseArgs);
        return new(this);
    }

    /// <summary>Asserts that the enclave is ready and has not ended.</summary>
    /// <inheritdoc cref="HaveSentHeartbeat"/>
    public AndConstraint<EnclaveAssertions> BeRunning(string because = "", params object[] becauseArgs)
    {
        EnclaveFindings.Running(Subject).Require(because, becauseArgs);
        return new(this);
    }

    /// <summary>Asserts that the enclave has ended for a reason.</summary>
    /// <inheritdoc cref="HaveSentHeartbeat"/>
    public AndWhichConstraint<EnclaveAssertions, VmExit> HaveExitedWith(VmExitReason reason, string because = "", params object[] becauseArgs)
    {
        Finding<VmExit?> finding = EnclaveFindings.Exited(Subject, reason);
        finding.Require(because, becauseArgs);
        return new(this, finding.Value!);
    }

    /// <summary>Waits until the enclave ends, and asserts for which reason.</summary>
    /// <param name="reason">The reason.</param>
    /// <param name="timeout">How long to wait; the enclave's operation timeout unless given.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public async Task<AndWhichConstraint<EnclaveAssertions, VmExit>> ExitWithAsync(
        VmExitReason reason, TimeSpan? timeout = null, string because = "", params object[] becauseArgs)
    {
        Finding<VmExit?> finding = await EnclaveFindings.ExitsAsync(Subject, reason, timeout, CancellationToken.None).ConfigureAwait(false);
        finding.Require(because, becauseArgs);
        return new(this, finding.Value!);
    }
}
