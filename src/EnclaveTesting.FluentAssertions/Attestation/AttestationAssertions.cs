using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;
using FluentAssertions;
using FluentAssertions.Primitives;

namespace EnclaveTesting.Attestation;

/// <summary>
/// Assertions about an attestation document. Those of <see cref="AttestationAssert"/>, with the same messages. Only <see cref="BeSignedBy"/>
/// and <see cref="Satisfy"/> say whether the document may be trusted: the others believe what stands in it.
/// </summary>
public sealed class AttestationAssertions(AttestationDocument subject) : ReferenceTypeAssertions<AttestationDocument, AttestationAssertions>(subject)
{
    /// <inheritdoc/>
    protected override string Identifier => "attestation document";

    /// <summary>Asserts a register's value.</summary>
    /// <param name="index">The register.</param>
    /// <param name="value">Its value.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndConstraint<AttestationAssertions> HavePcr(int index, PcrValue value, string because = "", params object[] becauseArgs) =>
        Require(AttestationFindings.Pcr(Subject, index, value), because, becauseArgs);

    /// <summary>Asserts that PCR0, 1, 2 and 8 are those of an image, such as <see cref="Enclave.Measurements"/>.</summary>
    /// <param name="measurements">The image's.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndConstraint<AttestationAssertions> HaveMeasurements(EifMeasurements measurements, string because = "", params object[] becauseArgs)
    {
        ArgumentNullException.ThrowIfNull(measurements);
        return Require(AttestationFindings.Measurements(Subject, measurements), because, becauseArgs);
    }

    /// <summary>Asserts the nonce.</summary>
    /// <param name="nonce">The nonce.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndConstraint<AttestationAssertions> HaveNonce(ReadOnlyMemory<byte> nonce, string because = "", params object[] becauseArgs) =>
        Require(AttestationFindings.Bytes(Subject, "nonce", Subject.Nonce, nonce), because, becauseArgs);

    /// <summary>Asserts the user data.</summary>
    /// <param name="userData">The user data.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndConstraint<AttestationAssertions> HaveUserData(ReadOnlyMemory<byte> userData, string because = "", params object[] becauseArgs) =>
        Require(AttestationFindings.Bytes(Subject, "user data", Subject.UserData, userData), because, becauseArgs);

    /// <summary>Asserts the public key.</summary>
    /// <param name="publicKey">The key, usually a SubjectPublicKeyInfo in DER.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndConstraint<AttestationAssertions> HavePublicKey(ReadOnlyMemory<byte> publicKey, string because = "", params object[] becauseArgs) =>
        Require(AttestationFindings.Bytes(Subject, "public key", Subject.PublicKey, publicKey), because, becauseArgs);

    /// <summary>Asserts that the document is signed, and that its certificates, as of the time it was made, lead to an authority's root.</summary>
    /// <param name="authority">The authority; null takes the one that enclaves use unless told otherwise.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndConstraint<AttestationAssertions> BeSignedBy(AttestationAuthority? authority = null, string because = "", params object[] becauseArgs) =>
        Require(AttestationFindings.SignedBy(Subject, authority), because, becauseArgs);

    /// <summary>Asserts that the document verifies in AWS's steps under a policy.</summary>
    /// <param name="policy">What a verifier expects.</param>
    /// <param name="because">Why it should, for the message; placeholders are those of <see cref="string.Format(string, object[])"/>.</param>
    /// <param name="becauseArgs">What fills the placeholders.</param>
    public AndConstraint<AttestationAssertions> Satisfy(AttestationPolicy policy, string because = "", params object[] becauseArgs)
    {
        ArgumentNullException.ThrowIfNull(policy);
        return Require(AttestationFindings.Policy(Subject, policy), because, becauseArgs);
    }

    private AndConstraint<AttestationAssertions> Require(Finding<AttestationDocument> finding, string because, object[] becauseArgs)
    {
        finding.Require(because, becauseArgs);
        return new(this);
    }
}
