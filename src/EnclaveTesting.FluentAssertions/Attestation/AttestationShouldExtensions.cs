namespace EnclaveTesting.Attestation;

/// <summary>Begins assertions about an attestation document.</summary>
public static class AttestationShouldExtensions
{
    /// <summary>Asserts about an attestation document.</summary>
    public static AttestationAssertions Should(this AttestationDocument document) => new(document);
}
