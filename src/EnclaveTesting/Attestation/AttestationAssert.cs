using EnclaveTesting.Engine.Devices.Nsm;
using EnclaveTesting.Engine.Eif;

namespace EnclaveTesting.Attestation;

/// <summary>
/// Assertions about attestation documents for any test framework; the same with FluentAssertions are in the package
/// EnclaveTesting.FluentAssertions. Whether a document may be trusted says <see cref="AttestationDocument.Verify"/>, or here
/// <see cref="AssertSignedBy"/>: the other assertions believe what stands in it.
/// </summary>
public static class AttestationAssert
{
    /// <summary>Asserts a register's value.</summary>
    /// <exception cref="EnclaveAssertionException">It is another, or not in the document.</exception>
    public static void AssertPcr(this AttestationDocument document, int index, PcrValue value) => AttestationFindings.Pcr(NotNull(document), index, value).OrThrow();

    /// <summary>Asserts that PCR0, 1, 2 and 8 are those of an image, such as <see cref="Enclave.Measurements"/>.</summary>
    /// <exception cref="EnclaveAssertionException">One is not.</exception>
    public static void AssertMeasurements(this AttestationDocument document, EifMeasurements measurements) =>
        AttestationFindings.Measurements(NotNull(document), measurements).OrThrow();

    /// <summary>Asserts the nonce.</summary>
    /// <exception cref="EnclaveAssertionException">It is another, or there is none.</exception>
    public static void AssertNonce(this AttestationDocument document, ReadOnlyMemory<byte> nonce) =>
        AttestationFindings.Bytes(NotNull(document), "nonce", document.Nonce, nonce).OrThrow();

    /// <summary>Asserts the user data.</summary>
    /// <exception cref="EnclaveAssertionException">They are others, or there are none.</exception>
    public static void AssertUserData(this AttestationDocument document, ReadOnlyMemory<byte> userData) =>
        AttestationFindings.Bytes(NotNull(document), "user data", document.UserData, userData).OrThrow();

    /// <summary>Asserts the public key.</summary>
    /// <exception cref="EnclaveAssertionException">It is another, or there is none.</exception>
    public static void AssertPublicKey(this AttestationDocument document, ReadOnlyMemory<byte> publicKey) =>
        AttestationFindings.Bytes(NotNull(document), "public key", document.PublicKey, publicKey).OrThrow();

    /// <summary>Asserts that the document is signed, and that its certificates, as of the time it was made, lead to an authority's root.</summary>
    /// <param name="document">The document.</param>
    /// <param name="authority">The authority; null takes the one that enclaves use unless told otherwise.</param>
    /// <exception cref="EnclaveAssertionException">It is not; the message says at which of AWS's steps it fails.</exception>
    public static void AssertSignedBy(this AttestationDocument document, AttestationAuthority? authority = null) =>
        AttestationFindings.SignedBy(NotNull(document), authority).OrThrow();

    private static AttestationDocument NotNull(AttestationDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        return document;
    }
}
